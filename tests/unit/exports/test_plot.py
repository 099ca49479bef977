"""The report's plot: a species keeps its colour, and a time in which nobody looked is a gap."""

import math
from datetime import datetime

from shoal.exports.report.plot import _with_gaps, styles_of


def test_a_species_keeps_its_colour_whatever_its_rank():
    few, many = ["Coris julis", "Chromis chromis"], ["Chromis chromis", "Coris julis"]
    assert styles_of(few) == styles_of(many)


def test_no_two_of_24_species_look_alike():
    assert len(set(styles_of(f"Species {number}" for number in range(24)).values())) == 24


def test_a_day_without_images_breaks_the_line():
    days = [datetime(2026, 6, day) for day in (1, 2, 3, 4, 5)]
    bins = [{"bin_start": days[i], "bin_end": days[i + 1], "middle": days[i], "mean": 1.0} for i in (0, 1, 3)]
    means = [mean for _, mean in _with_gaps(bins)]
    assert [math.isnan(mean) for mean in means] == [False, False, True, False]
