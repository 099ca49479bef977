"""Sorts what label files say: of which images it is, what of it counts, and how much does not, by why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from shoal.contract.errors import ConfigError, shown
from shoal.evidence.labels import WHOLE_IMAGES, SaidImage
from shoal.evidence.one_word import Parts, add_to, who_said, word_of
from shoal.evidence.taxon_names import is_nothing
from shoal.evidence.where_in_image import of_other_shape
from shoal.evidence.which_image import Meant

SHOWN = 3
"""Names of images that are not in the dataset, which are kept as examples."""

MOST_WORDS = 200
"""Unknown words that are kept with their number: a column that is none of a taxon has as many as there are images."""


@dataclass(frozen=True)
class Bringing:
    """What a person says of the labels that he brings.

    Attributes:
        by: Who labelled, where the file does not say.
        all_looked_at: Whether every image of the files was looked at, also those without a box.
        saw_predictions: Whether the model's boxes were shown, also where the sample was handed out without.
    """

    by: str = ""
    all_looked_at: bool = False
    saw_predictions: bool = False


Place = tuple[str, str, str]
"""Key, sha256 of the bytes, and who."""


@dataclass(frozen=True)
class Known:
    """What the dataset knows of what files say.

    Attributes:
        meant: Which image each name means.
        names: Taxon of each word that counts.
        others: Words that the dataset knows and that do not count.
        annotated: In which images people annotated animals before, where labels of whole images come alone.
    """

    meant: Mapping[str, Meant]
    names: Mapping[str, str]
    others: frozenset[str]
    annotated: frozenset[Place]


@dataclass(frozen=True)
class SortedOut:
    """What counts: each person's word on an image, and numbers of what does not."""

    images: list[tuple[Meant, SaidImage]]
    counts: dict[str, Any]


@dataclass
class _Kept:
    """Each person's word on each image so far, and what was not kept."""

    words: dict[Place, tuple[Meant, Parts]] = field(default_factory=dict)
    not_there: list[str] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    not_looked: set[str] = field(default_factory=set)
    of_model: set[str] = field(default_factory=set)
    twice: int = 0


def sort_out(said: Sequence[SaidImage], known: Known, bringing: Bringing) -> SortedOut:
    """Keep of each image what each person said last; count what is not kept, by why.

    Raises:
        ConfigError: A column that is named as a taxon has something else than counts.
    """
    kept = _keep(said, known, bringing)
    behind = {place for place, (_, parts) in kept.words.items() if set(parts) == {WHOLE_IMAGES}} & known.annotated
    unknown: Counter[str] = Counter()
    contradicted = other_shape = 0
    found = []
    for image, parts in (word for place, word in kept.words.items() if place not in behind):
        one = word_of(parts)
        boxes = tuple(box for box in one.boxes if not is_nothing(box.label, known.names))
        contradicted += bool(boxes) and len(boxes) < len(one.boxes)
        unknown.update(box.label for box in boxes if not _is_known(box.label, known))
        turned = {place for place, box in enumerate(boxes) if of_other_shape(box, image)}
        other_shape += bool(turned)
        boxes = tuple(replace(box, xyxy=None) if place in turned else box for place, box in enumerate(boxes))
        found.append((image, replace(one, boxes=boxes)))
    counts = {
        **_counts(found, kept, known.names),
        "contradicted": contradicted,
        "other_shape": other_shape,
        "annotated_before": len(behind),
        "not_drawn": len({image.key for image, _ in found if image.sample is None}),
        "unknown": dict(sorted(unknown.most_common(MOST_WORDS))),
        "first_not_in_the_dataset": sorted(set(kept.not_there))[:SHOWN],
    }
    return SortedOut(found, counts)


def _keep(said: Sequence[SaidImage], known: Known, bringing: Bringing) -> _Kept:
    kept = _Kept()
    several = len({one.number for one in said if one.number}) > 1
    for one in said:
        image = known.meant.get(one.file)
        if image is None:
            kept.not_there.append(one.file)
            continue
        _need_counts(one, known.names)
        if not _looked(one, image, known.names, bringing):
            (kept.of_model if one.boxes and one.looked is not False else kept.not_looked).add(image.key)
            continue
        if image.now != image.content_sha256:
            kept.changed.add(image.key)
        who = who_said(one, bringing.by, several=several)
        place = (image.key, image.content_sha256, who)
        _, before = kept.words.get(place, (image, {}))
        parts, replaced = add_to(before, replace(one, person=who))
        kept.twice += replaced
        kept.words[place] = (image, parts)
    return kept


def _counts(found: Sequence[tuple[Meant, SaidImage]], kept: _Kept, names: Mapping[str, str]) -> dict[str, Any]:
    seen = [(image.key, sum(box.individuals for box in one.boxes if box.label in names)) for image, one in found]
    looked_at = {image.key for image, _ in found}
    return {
        "images": len(looked_at),
        "people": len({one.person for _, one in found}),
        "without_a_name": len({image.key for image, one in found if not one.person}),
        "by_number": len({image.key for image, one in found if one.person and one.person == one.number}),
        "individuals": sum(individuals for _, individuals in seen),
        "empty": len(looked_at - {key for key, individuals in seen if individuals}),
        "not_looked_at": len(kept.not_looked - looked_at),
        "perhaps_the_model_s": len(kept.of_model - looked_at),
        "not_in_the_dataset": len(set(kept.not_there)),
        "changed_or_gone": len(kept.changed),
        "twice": kept.twice,
    }


def _is_known(label: str, known: Known) -> bool:
    return label in known.names or label.strip().casefold() in known.others


def _looked(one: SaidImage, image: Meant, names: Mapping[str, str], bringing: Bringing) -> bool:
    """Whether somebody looked; boxes do not say so where the model's were shown, except one called nothing."""
    if any(name in names for name in one.counters):
        return True
    if one.looked and one.by_boxes and (image.blind is False or bringing.saw_predictions):
        return bringing.all_looked_at or any(is_nothing(box.label, names) for box in one.boxes)
    return bool(one.looked) or (bringing.all_looked_at and one.looked is None)


def _need_counts(one: SaidImage, names: Mapping[str, str]) -> None:
    """Check that a column named as a taxon has nothing but counts: a counter that is not understood is no empty image.

    Raises:
        ConfigError: It has something else.
    """
    for column, text in one.no_counts.items():
        if column in names:
            raise ConfigError(
                f"{shown(one.file, 200)}: {shown(column, 60)} is {shown(repr(text), 60)}, no count - write a whole number, "
                "or nothing where nobody looked"
            )
