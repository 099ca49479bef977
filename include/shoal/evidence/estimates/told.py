"""What estimates.json says of each taxon, in the words in which reports, pages and workbooks put it beside the raw number."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shoal.contract.units import counted

HOW = {
    "regression": "line through the labels",
    "disagreements": "exact, few disagreements",
    "positives": "exact, labels alone",
    "counted": "every image labelled",
}
"""How an interval was found."""


@dataclass(frozen=True)
class ToldMeasure:
    """Individuals, or images with any.

    Attributes:
        raw: What the model says of the images that could be drawn.
        corrected: As the labels correct it; None where it cannot be said.
        low: Of the 95 % interval of these images.
        high: Likewise.
        bias: The model's, raw less corrected.
        how: How the interval was found, or that there is none with so many labels.
        labels_to_halve: Labels in all with which the interval would be half as wide, or there would be one; None where unknown.
        place: The interval of this place in such a season, per image; None where there is none.
        per_image: Corrected mean per image.
    """

    raw: int
    corrected: float | None
    low: float | None
    high: float | None
    bias: float | None
    how: str
    labels_to_halve: int | None
    place: tuple[float, float] | None
    per_image: float | None


@dataclass(frozen=True)
class ToldTaxon:
    """What is told of a taxon."""

    taxon: str
    images: int
    labels: int
    positives: int
    total: ToldMeasure
    share: ToldMeasure


def tell_taxa(estimates: Mapping[str, Any]) -> dict[str, ToldTaxon]:
    """Take what estimates.json says, by taxon."""
    return {
        one["taxon"]: ToldTaxon(
            one["taxon"],
            one["images"],
            one["labels"],
            one["positives"],
            _measure(one["total"], one["labels"]),
            _measure(one["share"], one["labels"]),
        )
        for one in estimates["taxa"]
    }


def _measure(stored: Mapping[str, Any], labels: int) -> ToldMeasure:
    raw, halve = int(stored["raw"]), stored["labels_to_halve"]
    if None in {stored["corrected"], stored["low"], stored["high"]}:
        # Half of it would pass for the whole: a corrected number without its interval is none.
        how = f"not estimable with {counted(labels, 'label')}"
        return ToldMeasure(raw, None, None, None, None, how, halve, None, None)
    other, bias = stored["elsewhere"], stored["bias"]
    return ToldMeasure(
        raw,
        stored["corrected"],
        stored["low"],
        stored["high"],
        bias and bias["value"],
        HOW[stored["how"]],
        halve,
        None if other is None else (other["low"], other["high"]),
        stored["per_image"],
    )
