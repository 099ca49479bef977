"""The report's pictures: which are asked for, how large they may be, and what is said where one is missing."""

import base64
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shoal.contract.errors import one_line, shown
from shoal.exports.export import Draw
from shoal.pictures.drawing import Box, Drawing, Drawn

log = logging.getLogger(__name__)

MOST_BYTES = 1_000_000
"""All pictures of a report together, as they stand in it."""

SIZES = ((12, 560, 78), (40, 420, 70), (80, 320, 64), (1000, 260, 60))
"""By how many pictures are asked for at most: their longer side, px, and the quality of their JPEG."""

MOST_SECONDS = 300.0
"""For all of them: a store in trouble must not hold an answer up."""

NO_TIME = f"left out: the pictures of a report may take {MOST_SECONDS:g} s in all"
NOBODY_DRAWS = "pictures are not drawn here"
NO_ROOM = "left out: the report's pictures may take 1 MB in all"


@dataclass(frozen=True)
class Picture:
    """One picture of the report, or why it is not there.

    Attributes:
        taxon: Whose; empty for an image that failed.
        kind: `maxn`, `typical`, `doubtful` or `failed`.
        key: The image.
        camera: Its camera.
        captured_at: Its capture time.
        seen: In words, how many boxes of the taxon it has, or how doubtful they are; why it failed.
        drawing: What is to be drawn.
        source: The picture as a `data:` address; None where there is none.
        why: Why not.
    """

    taxon: str
    kind: str
    key: str
    camera: str
    captured_at: str
    seen: str
    drawing: Drawing
    source: str | None = None
    why: str | None = None


def choose_pictures(explore: Mapping[str, Any], colours: Mapping[str, str]) -> list[Picture]:
    """Name the pictures that a report shows, those that matter most first: where there is no room the last ones go."""
    taxa = explore["taxa"]
    of_taxa = [
        _of_taxon(taxon, picture, colours)
        for taxon in taxa
        for picture in taxon["pictures"]
    ]  # fmt: skip
    ranks = {"maxn": 0, "typical": 2, "doubtful": 3}
    commonest = {taxon["taxon"] for taxon in taxa[:10]}
    ranked = [*of_taxa, *map(_of_failure, (entry for entry in explore["failures"] if entry["example"]))]
    order = {id(one): number for number, one in enumerate(ranked)}
    ranked.sort(
        key=lambda one: (
            1 if one.kind == "failed" else ranks[one.kind] + (4 if one.taxon not in commonest else 0),
            order[id(one)],
        )
    )
    return ranked


def draw_pictures(pictures: Sequence[Picture], draw: Draw | None) -> list[Picture]:
    """Draw them, as far as they can be drawn and there is room; nothing is raised for want of a picture."""
    if draw is None:
        return [replace(one, why=NOBODY_DRAWS) for one in pictures]
    side, quality = next((side, quality) for most, side, quality in SIZES if len(pictures) <= most)
    asked = [replace(one.drawing, long_side_px=side, quality=quality) for one in pictures]
    try:
        return list(_fitting(pictures, draw(asked)))
    except Exception as err:
        # Whatever it was: the answer stands, and its report has every number.
        log.warning("The report has no pictures", exc_info=True)
        return [replace(one, why=one_line(f"{type(err).__name__}: {err}")) for one in pictures]


def _fitting(pictures: Sequence[Picture], drawn: Iterable[Drawn]) -> Iterator[Picture]:
    used, to_come, end = 0, iter(drawn), time.monotonic() + MOST_SECONDS
    for one in pictures:
        if time.monotonic() > end:
            yield replace(one, why=NO_TIME)
            continue
        got = next(to_come)
        source = _source(got)
        if source is None:
            yield replace(one, why=got.why)
        elif used + len(source) > MOST_BYTES:
            yield replace(one, why=NO_ROOM)
        else:
            used += len(source)
            yield replace(one, source=source)


def _source(drawn: Drawn) -> str | None:
    return None if drawn.jpeg is None else f"data:image/jpeg;base64,{base64.b64encode(drawn.jpeg).decode()}"


def _of_taxon(taxon: Mapping[str, Any], picture: Mapping[str, Any], colours: Mapping[str, str]) -> Picture:
    name, kind = taxon["taxon"], picture["kind"]
    own = [box for box in picture["boxes"] if box["taxon"] == name]
    if kind != "maxn":  # what is cut out lies around the first one
        own = sorted(own, key=lambda box: _distance(box, kind, own, taxon))
    drawing = Drawing(
        picture["key"], picture["object_version"], picture["size_bytes"],
        tuple(_box(box, colours) for box in (picture["boxes"] if kind == "maxn" else own)),
        crop=kind != "maxn", content_sha256=picture["content_sha256"] or "",
    )  # fmt: skip
    return Picture(name, kind, picture["key"], picture["camera"], picture["captured_at"], _seen(kind, own), drawing)


def _distance(
    box: Mapping[str, Any], kind: str, own: Sequence[Mapping[str, Any]], taxon: Mapping[str, Any]
) -> tuple[bool, float]:
    """Say how far a box is from what a picture is there for: the threshold, or the mean score of those that count."""
    if kind == "doubtful":
        return False, min(abs(box["confidence"] - conf) for conf in taxon["conf"])
    scores = [other["confidence"] for other in own if other["counted"]]
    return not box["counted"], abs(box["confidence"] - sum(scores) / max(1, len(scores)))


def _seen(kind: str, own: Sequence[Mapping[str, Any]]) -> str:
    counted = sum(box["counted"] for box in own)
    if (kind == "maxn" or not own) and not _is_whole(own):
        return f"{counted} in it"
    more = f", {counted} in it" if counted > 1 else ""
    doubt = (", counted" if own[0]["counted"] else ", not counted") if kind == "doubtful" else ""
    return f"score {own[0]['confidence']:.2f}{doubt}{more}"


def _is_whole(own: Sequence[Mapping[str, Any]]) -> bool:
    """Whether what is shown is said of the image as a whole: nothing is counted in it."""
    return any(box["x1"] is None for box in own)


def _box(box: Mapping[str, Any], colours: Mapping[str, str]) -> Box:
    return Box.of(
        [box[edge] for edge in ("x1", "y1", "x2", "y2")], label=shown(box["taxon"]), class_id=box["class_id"],
        conf=box["confidence"], style="counted" if box["counted"] else "below", colour=colours.get(box["taxon"], ""),
        mask=box.get("mask") or "", keypoints=tuple(box.get("keypoints") or ()), angle=box.get("angle"),
    )  # fmt: skip


def _of_failure(failure: Mapping[str, Any]) -> Picture:
    example = failure["example"]
    drawing = Drawing(
        example["key"], example["object_version"], example["size_bytes"], content_sha256=example["content_sha256"] or ""
    )
    return Picture("", "failed", example["key"], "", "", failure["reason"], drawing)


def group_pictures(pictures: Sequence[Picture]) -> dict[str, dict[str, list[Picture]]]:
    """Give the pictures of each taxon by their kind; those of failures under the empty name."""
    found: dict[str, dict[str, list[Picture]]] = {}
    for one in pictures:
        found.setdefault(one.taxon, {}).setdefault(one.kind, []).append(one)
    return found


def common_reason(pictures: Sequence[Picture]) -> str | None:
    """Say why no image at all could be drawn, where that is so for one reason."""
    reasons = {one.why for one in pictures if one.kind != "failed"}
    return reasons.pop() if len(reasons) == 1 else None
