"""The report's plot: a species keeps its colour, and a time in which nobody looked is a gap."""

import math
from datetime import datetime, timedelta

from matplotlib.dates import num2date

from shoal.exports.report.plot import _plot_bin, _with_gaps, plot, styles_of
from written_images import tables_of


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


def test_a_day_at_work_on_which_nothing_came_by_breaks_the_line():
    days = [datetime(2026, 6, day) for day in (1, 2, 3, 4)]
    bins = [
        {"bin_start": days[i], "bin_end": days[i + 1], "middle": days[i], "mean": mean}
        for i, mean in enumerate((1.0, None, 2.0))
    ]
    assert [math.isnan(mean) for _, mean in _with_gaps(bins)] == [False, True, False]


def test_years_are_drawn_by_months_where_there_are_months():
    bins = ["hour", "day", "month"]
    assert [_plot_bin(bins, timedelta(days=days)) for days in (30, 3650)] == ["day", "month"]
    assert _plot_bin(["hour", "day"], timedelta(days=3650)) == "day"


def test_one_wrong_clock_does_not_stretch_the_plot():
    june = datetime(2026, 6, 1)
    shots = [{"at": june + timedelta(hours=hour)} for hour in range(240)] + [
        {"at": datetime(year, 1, 1)} for year in (1995, 2061)
    ]
    result = {"settings": {"report": {"bins": ["day"]}}, "species": [{"taxon": "Coris julis"}]}
    with tables_of(shots) as database:
        figure = plot(database, result)
    start, end = (num2date(edge).replace(tzinfo=None) for edge in figure.axes[0].get_xlim())
    assert (start, end) == (june, june + timedelta(days=10))
