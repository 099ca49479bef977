"""Estimates of parts of the images: by camera, by month or by both, where there are labels enough."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from shoal.evidence.estimates.frame_days import FrameDays
from shoal.evidence.estimates.taxa import TaxonEstimate, estimate_taxa, slopes_of
from shoal.evidence.sampled import SampledImages

BY = ("camera", "month")
"""By what images can be parted; months are UTC's."""

FEWEST_LABELS = 30
"""Labelled images of a part: months with fewer are put together with those after them."""


@dataclass(frozen=True)
class Cell:
    """A part of the images.

    Attributes:
        camera: Its camera; None where all are in it.
        months: Its months, in order; empty where all are in it.
        images: How many it has.
        labels: How many of them are labelled.
        taxa: What is known of it; empty where it has too few labels.
    """

    camera: str | None
    months: tuple[str, ...]
    images: int
    labels: int
    taxa: tuple[TaxonEstimate, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Write it."""
        return {
            "camera": self.camera,
            "months": list(self.months),
            "images": self.images,
            "labels": self.labels,
            "taxa": [taxon.to_json() for taxon in self.taxa],
        }


def estimate_cells(
    sampled: SampledImages, frame: FrameDays, by: Sequence[str], whole: tuple[TaxonEstimate, ...]
) -> tuple[Cell, ...]:
    """Estimate the parts; months with fewer than 30 labels are put together with those after them, the last with those before.

    What decides is how many labels a part has, never what they say. A part that has too few even so is left empty,
    but where they are all of its images.

    Args:
        sampled: What people labelled.
        frame: All images.
        by: Words of `BY`.
        whole: Estimates of all images; their slopes are those of the parts.
    """
    keys_of_frame = _keys(frame.camera, frame.day, by)
    keys_of_labels = _keys(sampled.camera, sampled.captured_at, by)
    labels = {key: keys_of_labels.count(key) for key in set(keys_of_frame)}
    slopes = slopes_of(whole)
    found = []
    for camera, keys in groupby(sorted(labels), key=lambda key: key[0]):
        for together in _together(list(keys), labels):
            rows = np.array([key in together for key in keys_of_frame], dtype=bool)
            own = np.array([key in together for key in keys_of_labels], dtype=bool)
            images, count = int(frame.images[rows].sum()), int(own.sum())
            taxa = (
                estimate_taxa(sampled.only(own), frame.only(rows), slopes)
                if count >= FEWEST_LABELS or count == images
                else ()
            )
            months = tuple(month for _, month in together) if "month" in by else ()
            found.append(Cell(camera if "camera" in by else None, months, images, count, taxa))
    return tuple(found)


def _keys(camera: np.ndarray, moment: np.ndarray, by: Sequence[str]) -> list[tuple[str, str]]:
    months = moment.astype("datetime64[M]").astype(str)
    return [
        (str(one) if "camera" in by else "", str(month) if "month" in by else "")
        for one, month in zip(camera, months, strict=True)
    ]


def _together(keys: list[tuple[str, str]], labels: dict[tuple[str, str], int]) -> list[list[tuple[str, str]]]:
    parts: list[list[tuple[str, str]]] = [[]]
    for key in keys:
        if sum(labels[one] for one in parts[-1]) >= FEWEST_LABELS:
            parts.append([])
        parts[-1].append(key)
    if len(parts) > 1 and sum(labels[one] for one in parts[-1]) < FEWEST_LABELS:
        few = parts.pop()
        parts[-1] += few
    return parts
