"""One person's word on an image, made of the lines and reports that say it; what is newer takes the place of what is older."""

from collections.abc import Mapping
from dataclasses import replace

from shoal.evidence.labels import ANNOTATIONS, WHOLE_IMAGES, SaidImage

Parts = Mapping[str, SaidImage]
"""What is said of an image so far, by the report that says it."""


def who_said(one: SaidImage, by: str, *, several: bool) -> str:
    """Name a person.

    Args:
        one: What he said.
        by: Who labelled, where the file does not say.
        several: Whether the files have several numbers: then one name is not enough for them.
    """
    if one.person or not (by and one.number):
        return one.person or one.number or by
    return f"{by}/{one.number}" if several else by


def add_to(parts: Parts, one: SaidImage) -> tuple[Parts, bool]:
    """Add what one line says, and tell whether it took the place of something.

    Lines of one file belong together, and so do BIIGLE's two reports. A later file of the same kind is the newer one: were it
    added, animals that both name would count twice.
    """
    before = parts.get(one.part)
    if before and one.part and before.source == one.source:
        return {**parts, one.part: replace(before, boxes=before.boxes + one.boxes, at=one.at or before.at)}, False
    stay = {part: said for part, said in parts.items() if {part, one.part} == {ANNOTATIONS, WHOLE_IMAGES}}
    return {**stay, one.part: one}, len(stay) < len(parts)


def word_of(parts: Parts) -> SaidImage:
    """Put together what all reports say."""
    *_, last = parts.values()
    at = [said.at for said in parts.values() if said.at]
    return replace(last, boxes=tuple(box for said in parts.values() for box in said.boxes), at=at[-1] if at else None)
