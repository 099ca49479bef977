"""Coverage of intervals from labels, and how many labels a model saves, over many made-up years of photos whose truth is known.

A year is 20,160 images of 420 days, one each half hour, with taxa from in every third image to nearly never, alike from day to
day; detectors see them from perfectly to not at all, worse from month to month, or by day only. People label about 300 images,
drawn with equal probability, or by predicted error after a pilot of a third of them. Rules and thresholds of
`shoal.evidence.estimates` were fixed on seeds 0 to 99 of the first generator (`--generator first --first-seed 0 --seeds 100`);
what is printed by default is of other seeds of the second one, which makes days, schools and detectors' errors by other laws.
"""

import argparse
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1] / "include"))

from shoal.evidence.estimates.elsewhere import elsewhere
from shoal.evidence.estimates.interval import Estimate, estimate
from shoal.evidence.expected_error import SHRUNK_BY
from shoal.evidence.inclusion import spread

DAYS, A_DAY = 420, 48
IMAGES = DAYS * A_DAY
HOUR = np.tile(np.arange(A_DAY) / 2, DAYS)
DAY = np.repeat(np.arange(DAYS), A_DAY)
NIGHT = (HOUR < 6) | (HOUR >= 20)
LABELS = 300
BURN_IN = 60
DESIGNS = ("equal", "by error")
FEWEST_SHOWN = 50
"""Years with an interval: of fewer nothing is said."""

GOAL = 0.93

Array = NDArray[np.float64]
Random = np.random.Generator


@dataclass(frozen=True)
class Taxon:
    """How often a taxon is there.

    Attributes:
        share: Of images with it, about.
        school: Individuals where it is, on average.
    """

    share: float
    school: float


TAXA = {
    "common": Taxon(0.35, 1.8),
    "frequent": Taxon(0.12, 1.4),
    "schooling": Taxon(0.12, 8.0),
    "uncommon": Taxon(0.04, 1.3),
    "rare": Taxon(0.004, 1.2),
}


@dataclass(frozen=True)
class Detector:
    """How well a model sees.

    Attributes:
        recall: Of individuals.
        made_up: Individuals seen that are not there, for each that is.
        drift: What is left of the recall on the last day.
        night: What of the recall is left at night.
        blind: It tells nothing: what it sees is of another year.
    """

    recall: float
    made_up: float
    drift: float = 1.0
    night: float = 1.0
    blind: bool = False


DETECTORS = {
    "perfect": Detector(1.0, 0.0),
    "good": Detector(0.95, 0.03),
    "fair": Detector(0.75, 0.15),
    "poor": Detector(0.4, 0.6),
    "drifting": Detector(0.95, 0.05, drift=0.3),
    "blind by night": Detector(0.95, 0.05, night=0.0),
    "useless": Detector(0.9, 0.1, blind=True),
}


def first_years(random: Random, taxon: Taxon) -> tuple[Array, Array]:
    """Make counts and their expectation: days as a lognormal AR(1) of 0.6, hours as a wave, schools geometric."""
    noise = random.normal(size=DAYS + BURN_IN)
    for day in range(1, len(noise)):
        noise[day] = 0.6 * noise[day - 1] + 0.8 * noise[day]
    daily = np.exp(0.6 * noise[BURN_IN:] - 0.18)
    wave = 1 + 0.5 * np.sin(2 * np.pi * HOUR / 24)
    there = random.random(IMAGES) < np.minimum(taxon.share * daily[DAY] * wave, 0.95)
    size = random.geometric(1 / taxon.school, IMAGES)
    return (there * size).astype(float), _expected_first(taxon)


@cache
def _expected_first(taxon: Taxon) -> Array:
    levels = np.exp(0.6 * np.random.default_rng(7).normal(size=4000) - 0.18)
    wave = 1 + 0.5 * np.sin(2 * np.pi * np.arange(A_DAY) / 48 * 2)
    rates = np.minimum(taxon.share * levels[:, None] * wave, 0.95)
    return np.array([rates.mean() * taxon.school, rates.mean()])


def second_years(random: Random, taxon: Taxon) -> tuple[Array, Array]:
    """Make counts and their expectation: spells of good and bad days, visits of some images, schools negative binomial."""
    stays = random.random(DAYS + BURN_IN)
    spell = np.zeros(DAYS + BURN_IN, dtype=int)
    for day in range(1, len(spell)):
        spell[day] = spell[day - 1] if stays[day] < SPELL_STAYS else 1 - spell[day - 1]
    rate = taxon.share / VISIT * np.where(spell[BURN_IN:] == 1, 1.6, 0.4)[DAY] * np.where(NIGHT, 0.6, 1 + 0.4 * 10 / 14)
    come = random.random(IMAGES) < np.minimum(rate, 0.9)
    there = come.copy()
    for later in range(1, VISIT):
        there[later:] |= come[:-later]
    size = 1 + random.negative_binomial(0.7, 0.7 / (0.7 + taxon.school - 1), IMAGES)
    return (there * size).astype(float), _expected_second(taxon)


SPELL_STAYS, VISIT = 0.8, 3


@cache
def _expected_second(taxon: Taxon) -> Array:
    half = np.where(NIGHT[:A_DAY], 0.6, 1 + 0.4 * 10 / 14)
    shares = []
    for level in (0.4, 1.6):
        came = np.minimum(taxon.share / VISIT * level * half, 0.9)
        missed = np.prod([1 - np.roll(came, later) for later in range(VISIT)], axis=0)
        shares.append((1 - missed).mean())
    share = float(np.mean(shares))  # images after midnight of a change of spells are of the day before: under 0.1 %
    return np.array([share * taxon.school, share])


def first_sight(random: Random, truth: Array, detector: Detector, other: Array) -> Array:
    """See individuals each on its own; make some up anywhere."""
    recall = detector.recall * np.where(NIGHT, detector.night, 1) * (1 - (1 - detector.drift) * DAY / DAYS)
    base = other if detector.blind else truth
    seen = random.binomial(base.astype(int), recall)
    return (seen + random.poisson(detector.made_up * truth.mean(), IMAGES)).astype(float)


def second_sight(random: Random, truth: Array, detector: Detector, other: Array) -> Array:
    """See worse on murky days and in schools; make up on some days, where it is for hours."""
    murk = random.beta(6, 2, DAYS)[DAY] / 0.75
    recall = detector.recall * np.where(NIGHT, detector.night, 1) * np.where(DAY > DAYS / 2, detector.drift, 1.0)
    if detector.recall < 1:
        recall = np.minimum(recall * murk, 0.995)
    base = (other if detector.blind else truth).astype(int)
    seen = random.binomial(base, recall)
    if detector.recall < 1:
        seen = np.minimum(seen, 4 + random.binomial(np.maximum(base - 4, 0), recall * 0.6))
    ghosts = detector.made_up * truth.mean() * np.where(random.random(DAYS) < 0.2, 5, 0)[DAY]
    return (seen + random.poisson(ghosts)).astype(float)


GENERATORS = {"first": (first_years, first_sight), "second": (second_years, second_sight)}


def draw(random: Random, truth: Array, predicted: Array, design: str, labels: int) -> tuple[NDArray[np.intp], Array]:
    """Draw images by Poisson sampling: all alike, or by the error that a pilot found among images with as many predicted."""
    number = random.random(IMAGES)
    alike = np.full(IMAGES, labels / IMAGES)
    probability = alike if design == "equal" else _by_error(random, truth, predicted, number, labels)
    drawn = np.flatnonzero(number < probability)
    return drawn, probability[drawn]


def _by_error(random: Random, truth: Array, predicted: Array, number: Array, labels: int) -> Array:
    """Give probabilities by what one half of the pilot says of the error in the other half's images, as `sample` does."""
    of_pilot, more = labels / 3, 0.9 * labels
    pilot = number < of_pilot / IMAGES
    cells, halves = np.minimum(predicted, 4).astype(int), random.integers(2, size=IMAGES)
    error = (truth - predicted) ** 2
    probability = np.full(IMAGES, of_pilot / IMAGES)
    for half in (0, 1):
        others, own = pilot & (halves != half), halves == half
        mean = error[others].mean()
        if not mean:  # as far as anybody knows there are no errors: all alike
            probability[own] = more / IMAGES
            continue
        counts = np.bincount(cells[others], minlength=5)
        sums = np.bincount(cells[others], error[others], minlength=5)
        expected = np.sqrt((sums + SHRUNK_BY * mean) / (counts + SHRUNK_BY))
        sizes = np.bincount(cells[own], minlength=5)
        shares = spread(sizes.tolist(), expected.tolist(), more * own.mean())
        probability[own] = np.maximum(probability[own], np.array(shares)[cells[own]])
    return probability


@dataclass
class Tally:
    """What became of one kind of number."""

    asked: int = 0
    given: int = 0
    covered: int = 0
    ratios: list[float] = field(default_factory=list)
    place_given: int = 0
    place_covered: int = 0

    def add(self, found: Estimate, truth: float, simple: float | None) -> None:
        """Count an interval of these images; `simple` is the width of one without a model."""
        self.asked += 1
        if found.low is None or found.high is None:
            return
        self.given += 1
        self.covered += found.low - 1e-9 <= truth <= found.high + 1e-9
        if simple:
            self.ratios.append(((found.high - found.low) / simple) ** 2)

    def add_place(self, low: float, high: float, truth: float) -> None:
        """Count an interval of the place."""
        self.place_given += 1
        self.place_covered += low <= truth <= high

    def row(self) -> str:
        """Write it in columns."""
        covered = f"{100 * self.covered / self.given:5.1f}" if self.given else "    -"
        labels = f"{np.median(self.ratios):5.2f}" if len(self.ratios) >= FEWEST_SHOWN else "    -"
        place = f"{100 * self.place_covered / self.place_given:5.1f}" if self.place_given >= FEWEST_SHOWN else "    -"
        return f"{100 * self.given / self.asked:4.0f} {covered} {labels} {place}"


def simple_width(truth: Array, random: Random, n: int, *, bounded: bool) -> float | None:
    """Give the width of the interval from as many labels, drawn simply at random, without a model, by the same rules."""
    drawn = truth[random.choice(IMAGES, n, replace=False)]
    found = estimate(drawn, np.zeros(n), np.full(n, n / IMAGES), IMAGES, 0.0, bounded=bounded, halving=False)
    return None if found.low is None or found.high is None else found.high - found.low


def run_seed(seed: int, generator: str, tallies: dict[tuple[str, ...], Tally], labels: int) -> None:
    """Make one year for each taxon, let every detector see it, and estimate."""
    make, see = GENERATORS[generator]
    random = np.random.default_rng([seed, list(GENERATORS).index(generator)])
    for taxon, kind in TAXA.items():
        truth, expected = make(random, kind)
        other, _ = make(random, kind)
        for name, detector in DETECTORS.items():
            predicted = see(random, truth, detector, other)
            for design in DESIGNS:
                drawn, probability = draw(random, truth, predicted, design, labels)
                for place, measure in enumerate(("total", "share")):
                    y, f = (truth, predicted) if measure == "total" else ((truth > 0) * 1.0, (predicted > 0) * 1.0)
                    found = estimate(
                        y[drawn],
                        f[drawn],
                        probability,
                        IMAGES,
                        float(f.sum()),
                        bounded=measure == "share",
                        halving=False,
                    )
                    tally = tallies[measure, taxon, name, design]
                    simple = (
                        simple_width(y, random, len(drawn), bounded=measure == "share")
                        if found.low is not None
                        else None
                    )
                    tally.add(found, float(y.mean()), simple)
                    by_day = f.reshape(DAYS, A_DAY).sum(axis=1).astype(int)
                    season = elsewhere(found, DAY[drawn], np.full(DAYS, A_DAY), by_day)
                    if season is not None:
                        tally.add_place(season.low, season.high, float(expected[place]))


def tell(tallies: dict[tuple[str, ...], Tally], seeds: int, labels: int) -> None:
    """Print the table and what it comes to."""
    print(f"{seeds} years of {IMAGES:,} images, about {labels} labels; for each way of drawing four columns:")
    print(
        "given: in how many of 100 years there is an interval of these images; holds: in how many of 100 it holds the truth;"
    )
    print(
        "labels: for each label without a model, at equal width (median); place: how often that of the place holds its mean"
    )
    for measure, words in (("total", "individuals"), ("share", "share of images with the taxon")):
        print(f"\n{words:32}{'drawn alike':>22}  {'by error':>22}")
        print(f"{'':32}{'given holds labels place':>22}  {'given holds labels place':>22}")
        for taxon in TAXA:
            for name in DETECTORS:
                rows = [tallies[key].row() for design in DESIGNS if (key := (measure, taxon, name, design)) in tallies]
                print(f"{taxon:12}{name:20}" + "   ".join(rows))
    _tell_sum(tallies)


def _tell_sum(tallies: dict[tuple[str, ...], Tally]) -> None:
    print()
    shown = {key: tally for key, tally in tallies.items() if tally.given >= FEWEST_SHOWN}
    covers = {key: tally.covered / tally.given for key, tally in shown.items()}
    under = [key for key, share in covers.items() if share < GOAL]
    all_given, all_covered = (sum(getattr(one, name) for one in tallies.values()) for name in ("given", "covered"))
    print(f"these images: {all_given:,} intervals, {100 * all_covered / all_given:.1f} of 100 hold the truth")
    over = sum(share > 0.98 for share in covers.values())
    print(f"  rows below {100 * GOAL:.0f}: {len(under)} of {len(shown)}; above 98: {over}")
    for key in sorted(under, key=lambda one: covers[one]):
        print(f"    {', '.join(key)}: {100 * covers[key]:.1f}")
    given, covered = (sum(getattr(one, name) for one in tallies.values()) for name in ("place_given", "place_covered"))
    places = [one.place_covered / one.place_given for one in tallies.values() if one.place_given >= FEWEST_SHOWN]
    below = sum(share < GOAL for share in places)
    print(f"this place: {given:,} intervals, {100 * covered / given:.1f} of 100 hold the mean")
    print(f"  rows below {100 * GOAL:.0f}: {below} of {len(places)}, the lowest {100 * min(places, default=0):.1f}")
    asked = sum(one.asked for one in tallies.values())
    print(f"not estimable: {100 * (1 - all_given / asked):.1f} of 100")
    for design in DESIGNS:
        worse = {
            key: np.median(one.ratios)
            for key, one in shown.items()
            if key[3] == design and len(one.ratios) >= FEWEST_SHOWN
        }
        more = [key for key, ratio in worse.items() if ratio > 1.05]
        way = "drawn alike" if design == "equal" else design
        print(f"more than 1.05 labels for one, {way}: {len(more)} of {len(worse)} rows")
        for key in sorted(more, key=lambda one: -worse[one]):
            print(f"    {', '.join(key[:3])}: {worse[key]:.2f}")


def main() -> None:
    """Make the years and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--labels", type=int, default=LABELS)
    parser.add_argument("--generator", choices=list(GENERATORS), default="second")
    arguments = parser.parse_args()
    tallies: dict[tuple[str, ...], Tally] = defaultdict(Tally)
    began = time.process_time()
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        run_seed(seed, arguments.generator, tallies, arguments.labels)
    tell(tallies, arguments.seeds, arguments.labels)
    print(f"took {time.process_time() - began:.0f} s of one core")


if __name__ == "__main__":
    main()
