"""Counts that labels corrected, as rows: raw and corrected side by side, each with its intervals; of the whole answer."""

from collections.abc import Iterator
from typing import Any

from shoal.answers.where import Where
from shoal.contract.tasks.classify import CLASSIFY
from shoal.evidence.estimates.told import ToldMeasure, ToldTaxon, tell_taxa
from shoal.exports.export import Answer
from shoal.pictures.people import counted_as_people

COLUMNS = (
    "taxon",
    "of",
    "images",
    "labels",
    "labels_with_it",
    "raw",
    "corrected",
    "low",
    "high",
    "interval",
    "place_low_per_image",
    "place_high_per_image",
    "bias",
    "labels_to_halve",
)

OF_A_PART = "corrected counts, which are of the whole answer"


def has_corrected(answer: Answer, where: Where) -> bool:
    """Whether there are any to write: of a part nobody knows them."""
    return bool(_taxa(answer)) and where.everything


def corrected_not_held(answer: Answer, where: Where) -> dict[str, int]:
    """Count those that are left out because a part is asked for."""
    return {} if where.everything or not _taxa(answer) else {OF_A_PART: len(_taxa(answer))}


def corrected_rows(answer: Answer) -> Iterator[list[Any]]:
    """Give a row for each taxon's individuals and one for the images with it; what cannot be estimated is empty, and says so.

    Of a classifier there are no individuals: it says of an image as a whole what it shows.
    """
    whole_images = answer.plan.task == CLASSIFY.name
    for one in _taxa(answer):
        for name, measure in (("individuals", one.total), ("images with it", one.share))[whole_images:]:
            yield [one.taxon, name, one.images, one.labels, one.positives, *_numbers(measure)]


def _numbers(one: ToldMeasure) -> list[Any]:
    low, high = one.place or (None, None)
    return [one.raw, one.corrected, one.low, one.high, one.how, low, high, one.bias, one.labels_to_halve]


def _taxa(answer: Answer) -> list[ToldTaxon]:
    if answer.evidence is None or answer.evidence.estimates is None:
        return []
    of_people = counted_as_people(answer.result, answer.described.taxa)
    told = tell_taxa(answer.evidence.estimates)
    return [told[taxon] for taxon in sorted(told) if taxon not in of_people]
