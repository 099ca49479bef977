"""One version, judged: each taxon at its own thresholds and at all others, by month, hour and camera, calibrated or not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.compare.agreement import THRESHOLDS
from shoal.evidence.evaluation.measures import FEWEST, MEASURES, Floats, Measured, Sums, measure
from shoal.evidence.evaluation.scored import Scored, ScoredTaxon, as_stored
from shoal.evidence.evaluation.thresholds import Best, Threshold, choose

PARTS = ("month", "hour", "camera")

BINS = tuple(tenth / 10 for tenth in range(10))
"""Lower ends of the scores that calibration is told of."""


@dataclass(frozen=True)
class JudgedTaxon:
    """How right a version is on one taxon.

    Attributes:
        taxon: Its name.
        positives: Labelled images with it.
        by_place: Whether boxes were compared by place; else as many count as right as both say.
        individuals: Measures of individuals, at the version's own thresholds.
        presence: Measures of whether it is in an image at all.
        curve: By threshold, `MEASURES` of individuals without intervals.
        parts: By month, hour and camera with enough labels, measures of individuals.
        calibration: By score, how many images with such a highest score have it.
        thresholds: Those that are best in bias and in F1; without those that cannot be chosen.
    """

    taxon: str
    positives: int
    by_place: bool
    individuals: Mapping[str, Measured]
    presence: Mapping[str, Measured]
    curve: tuple[Mapping[str, float | None], ...]
    parts: Mapping[str, Mapping[str, Mapping[str, Measured]]]
    calibration: tuple[Mapping[str, Any], ...]
    thresholds: Mapping[Best, Threshold]

    def to_json(self) -> dict[str, Any]:
        """Write it."""
        return {
            "taxon": self.taxon,
            "positives": self.positives,
            "by_place": self.by_place,
            "individuals": _json(self.individuals),
            "presence": _json(self.presence),
            "at": list(self.curve),
            "parts": {
                part: [{part: name, **_json(measures)} for name, measures in named.items()]
                for part, named in self.parts.items()
            },
            "calibration": list(self.calibration),
            "thresholds": [one.to_json() for one in self.thresholds.values()],
        }


def judge(scored: Scored) -> tuple[JudgedTaxon, ...]:
    """Judge a version on every taxon."""
    weights = 1 / scored.probability
    parts = {part: names_of_parts(scored, part) for part in PARTS}
    return tuple(_judge(name, taxon, scored, weights, parts) for name, taxon in scored.taxa.items())


def _judge(
    name: str, taxon: ScoredTaxon, scored: Scored, weights: Floats, parts: Mapping[str, NDArray[np.str_]]
) -> JudgedTaxon:
    sums = individuals_of(taxon, weights)
    thresholds = {
        best: found for best in _BESTS if (found := choose(taxon, weights, scored.captured_at, best, taxon.conf))
    }
    return JudgedTaxon(
        name,
        int((taxon.labelled > 0).sum()),
        taxon.by_place,
        {one: measure(one, sums) for one in MEASURES},
        {one: measure(one, presence_of(taxon, weights)) for one in MEASURES},
        tuple(_curve(taxon, weights)),
        {part: dict(_by_part(taxon, sums, names)) for part, names in parts.items()},
        tuple(_calibration(taxon, weights)),
        thresholds,
    )


_BESTS: tuple[Best, ...] = ("bias", "f1")


def individuals_of(taxon: ScoredTaxon, weights: Floats) -> Sums:
    """Weigh individuals at the version's own thresholds."""
    return Sums.of(taxon.labelled, taxon.counted, taxon.counted_right, weights)


def presence_of(taxon: ScoredTaxon, weights: Floats) -> Sums:
    """Weigh whether it is there at all."""
    there, found = np.minimum(taxon.labelled, 1), np.minimum(taxon.counted, 1)
    return Sums.of(there, found, np.minimum(there, found), weights)


def names_of_parts(scored: Scored, part: str) -> NDArray[np.str_]:
    """Name the part of each image; months and hours are UTC's."""
    if part == "camera":
        return scored.camera
    months = scored.captured_at.astype("datetime64[M]")
    if part == "month":
        return months.astype(str)
    hours = scored.captured_at.astype("datetime64[h]").astype(np.int64) % 24
    return np.array([f"{hour:02d}" for hour in hours], np.str_)


def _by_part(taxon: ScoredTaxon, sums: Sums, names: NDArray[np.str_]) -> Iterator[tuple[str, dict[str, Measured]]]:
    for name in np.unique(names):
        own = names == name
        if (taxon.labelled[own] > 0).sum() >= FEWEST:
            yield str(name), {one: measure(one, sums.only(own)) for one in MEASURES}


def _curve(taxon: ScoredTaxon, weights: Floats) -> Iterator[dict[str, float | None]]:
    for place, conf in enumerate(THRESHOLDS):
        if conf >= taxon.lowest:
            sums = Sums.of(taxon.labelled, taxon.at[:, place], taxon.right_at[:, place], weights).rows.sum(axis=0)
            yield {"conf": conf, **{name: _number(of(sums)) for name, of in MEASURES.items()}}


def _calibration(taxon: ScoredTaxon, weights: Floats) -> Iterator[dict[str, Any]]:
    bins = np.searchsorted([as_stored(low) for low in BINS], taxon.highest, side="right") - 1
    for place, low in enumerate(BINS):
        inside = (bins == place) & (taxon.highest > 0)
        images = int(inside.sum())
        if not images:
            continue
        weight = weights[inside] / weights[inside].sum()
        right = float(weight @ (taxon.labelled[inside] > 0)) if images >= FEWEST else None
        yield {"from": low, "images": images, "score": float(weight @ taxon.highest[inside]), "share_with_it": right}


def confusion(scored: Scored) -> list[dict[str, Any]]:
    """Say which taxon is made up where which one is missed, in the same image; weighted, the most frequent first."""
    weights = 1 / scored.probability
    missed = {name: np.maximum(taxon.labelled - taxon.counted_right, 0) for name, taxon in scored.taxa.items()}
    made_up = {name: np.maximum(taxon.counted - taxon.counted_right, 0) for name, taxon in scored.taxa.items()}
    found = []
    for there, of_there in missed.items():
        for said, of_said in made_up.items():
            together = np.minimum(of_there, of_said)
            if there != said and together.any():
                weighted = float(weights @ together)
                found.append(
                    {
                        "there": there,
                        "said": said,
                        "labelled_images": int((together > 0).sum()),
                        "share_of_missed": weighted / float(weights @ of_there),
                    }
                )
    return sorted(found, key=lambda one: -one["share_of_missed"])


def _json(measures: Mapping[str, Measured]) -> dict[str, Any]:
    return {name: one.to_json() for name, one in measures.items()}


def _number(value: Floats) -> float | None:
    return None if np.isnan(value) else float(value)
