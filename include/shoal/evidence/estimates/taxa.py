"""All taxa of a sample: what the model counts, and what it comes to when people's labels correct it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.compare.day_blocks import Interval
from shoal.evidence.estimates.elsewhere import elsewhere
from shoal.evidence.estimates.frame_days import FrameDays
from shoal.evidence.estimates.interval import Estimate, estimate
from shoal.evidence.sampled import SampledImages

MEASURES = ("total", "share")


@dataclass(frozen=True)
class TaxonEstimate:
    """What is known of one taxon in some images.

    Attributes:
        taxon: Its name.
        images: All images that this is of.
        predicted: By measure, what the model says of them: individuals, and images with any.
        corrected: By measure, the mean per image as the labels correct it.
        elsewhere: By measure, where that mean would lie on other days like these; None where it cannot be said.
    """

    taxon: str
    images: int
    predicted: Mapping[str, int]
    corrected: Mapping[str, Estimate]
    elsewhere: Mapping[str, Interval | None]

    def to_json(self) -> dict[str, Any]:
        """Write it: totals in individuals and in images, means and shares per image."""
        return {
            "taxon": self.taxon,
            "images": self.images,
            "labels": self.corrected["total"].labels,
            "positives": self.corrected["total"].positives,
            **{measure: self._measure(measure) for measure in MEASURES},
        }

    def _measure(self, measure: str) -> dict[str, Any]:
        found, raw, other = self.corrected[measure], self.predicted[measure], self.elsewhere[measure]
        bias = None
        if found.mean is not None and found.low is not None and found.high is not None:
            bias = {
                "value": raw - found.mean * self.images,
                "low": raw - found.high * self.images,
                "high": raw - found.low * self.images,
            }
        return {
            "how": found.how,
            "disagreements": found.disagreements,
            "raw": raw,
            "corrected": _times(found.mean, self.images),
            "low": _times(found.low, self.images),
            "high": _times(found.high, self.images),
            "raw_per_image": raw / self.images,
            "per_image": found.mean,
            "per_image_low": found.low,
            "per_image_high": found.high,
            "bias": bias,
            "slope": found.corrected.slope if found.corrected else None,
            "labels_to_halve": found.labels_to_halve,
            "elsewhere": None
            if other is None
            else {"low": other.low, "high": other.high, "days": other.days, "block_days": other.block_days},
        }


def estimate_taxa(
    sampled: SampledImages, frame: FrameDays, slopes: Mapping[tuple[str, str], float] | None = None
) -> tuple[TaxonEstimate, ...]:
    """Estimate every taxon.

    Args:
        sampled: What people labelled.
        frame: All images that this is of, those labelled among them.
        slopes: By taxon and measure, those of more images of which these are a part: few labels need not find their own.
    """
    days, places = np.unique(frame.day, return_inverse=True)
    images = np.bincount(places, frame.images, minlength=len(days)).astype(np.int64)
    day_of_label = _places(days, sampled.captured_at)
    found = []
    for taxon in sampled.predicted:
        corrected: dict[str, Estimate] = {}
        between: dict[str, Interval | None] = {}
        totals: dict[str, int] = {}
        for measure in MEASURES:
            one = measure == "share"
            of_days = (frame.predicted_in if one else frame.predicted)[taxon]
            seen, said = sampled.labelled[taxon], sampled.predicted[taxon]
            totals[measure] = int(of_days.sum())
            corrected[measure] = estimate(
                np.minimum(seen, 1).astype(float) if one else seen.astype(float),
                np.minimum(said, 1).astype(float) if one else said.astype(float),
                sampled.probability,
                int(images.sum()),
                float(totals[measure]),
                bounded=one,
                slope=(slopes or {}).get((taxon, measure)),
            )
            by_day = np.bincount(places, of_days, minlength=len(days)).astype(np.int64)
            between[measure] = elsewhere(corrected[measure], day_of_label, images, by_day)
        found.append(TaxonEstimate(taxon, int(images.sum()), totals, corrected, between))
    return tuple(found)


def slopes_of(taxa: tuple[TaxonEstimate, ...]) -> dict[tuple[str, str], float]:
    """Give the slopes that were found, for parts of the same images."""
    return {
        (one.taxon, measure): line.slope
        for one in taxa
        for measure in MEASURES
        if (line := one.corrected[measure].corrected) is not None
    }


def _places(days: NDArray[np.datetime64], captured_at: NDArray[np.datetime64]) -> NDArray[np.intp]:
    """Find the place of each image's day; -1 where it is undated or of a day that the frame has not."""
    of_images = captured_at.astype("datetime64[D]")
    places = np.searchsorted(days, of_images)
    known = (places < len(days)) & ~np.isnat(of_images)
    known[known] = days[places[known]] == of_images[known]
    return np.where(known, places, -1).astype(np.intp)


def _times(mean: float | None, images: int) -> float | None:
    return None if mean is None else mean * images
