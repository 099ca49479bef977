"""Whether a review's page, or the labels that it saved, are as they were written: compared with what is stored."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shoal.answers.find import find_run
from shoal.contract.errors import ConfigError, shown
from shoal.contract.layout import DatasetLayout
from shoal.contract.units import counted
from shoal.evidence.frame import view_frame
from shoal.evidence.review.design import Review, read_review
from shoal.evidence.review.images import ReviewImage, read_images
from shoal.evidence.review.judge import describe, judge
from shoal.evidence.review.pages import KnownPage, read_pages
from shoal.evidence.review.saved import Saved, differing, read_saved
from shoal.evidence.stored import DRAWN
from shoal.settings.analysis import Taxon
from shoal.tables.session import Database

DATA = re.compile(rb'<script type="application/json" id="review-data">(.*?)</script>', re.DOTALL)
"""Where the data of a page are."""

MOST_BYTES = 64 * 1000**2
"""Of a page that is looked into: those that are written have a quarter of it."""


@dataclass(frozen=True)
class Checked:
    """What was found of a file.

    Attributes:
        design: Name of the design that it says it is of.
        kind: `page` or `labels`.
        deviations: What is not as it is stored, a line each; none where all is.
        told: What else is said of it, a line each.
        judged: Of labels, what follows from them, as `judge.describe` writes it; None of a page, and of labels that were edited.
    """

    design: str
    kind: str
    deviations: tuple[str, ...]
    judged: Mapping[str, Any] | None = None
    told: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether it is as it was written."""
        return not self.deviations

    @property
    def lines(self) -> list[str]:
        """Say it."""
        if self.deviations:
            return [f"deviates {one}" for one in self.deviations]
        return [f"holds    {self.kind} of design {self.design}, as stored", *self.told]

    def to_json(self) -> dict[str, Any]:
        """Write it."""
        return {
            "design": self.design,
            "kind": self.kind,
            "holds": self.holds,
            "deviations": list(self.deviations),
            "judged": None if self.judged is None else dict(self.judged),
        }


def check_file(database: Database, layout: DatasetLayout, path: Path, taxa: Mapping[str, Taxon]) -> Checked:
    """Compare a file with the design and the pages that are stored.

    Args:
        database: A session on the results bucket.
        layout: The dataset.
        path: A page, or what it saved.
        taxa: Those of the dataset file of today.

    Raises:
        ConfigError: It is neither, or cannot be read.
        ContractError: A stored object is not what it must be.
    """
    pages = read_pages(database.results, layout)
    data = _page_of(path)
    if data is not None:
        return _check_page(database, layout, path, data, pages)
    saved = read_saved(path)
    review = read_review(database.results, layout, saved.design)
    if review is None:
        return Checked(saved.design, "labels", (_no_design(layout, saved.design),))
    run = find_run(database.results, layout, str(review.json["run_key"]))
    view_frame(database, run, taxa)
    drawn = read_images(database, review)
    if deviations := tuple(_of_labels(saved, drawn, pages)):
        return Checked(saved.design, "labels", deviations)
    without = next(one.without for one in pages if _is_of(one, saved))
    judged = judge(review.published, review.images, drawn, saved.before_boxes, without)
    late = sum(one.after_boxes for one in saved.images)
    told = [f"{judged.verdict}: {_numbers(review, describe(judged, review.published))}"]
    if judged.no_picture:
        told.append(
            f"{counted(judged.no_picture, 'drawn image')} had no picture: in no number here, by chance as it is taken"
        )
    if hidden := sum(one.drawing is None for one in drawn):
        told.append(
            f"{counted(hidden, 'drawn image')} would not be shown any more: the dataset file calls it people's now"
        )
    if late:
        told.append(f"{counted(late, 'label')} given after the model's boxes were shown: in no number here")
    return Checked(saved.design, "labels", (), describe(judged, review.published), tuple(told))


def _page_of(path: Path) -> bytes | None:
    """Give the data of a page; None where the file is none."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(f"{shown(str(path), 300)} has more than {MOST_BYTES} bytes - it is no page of a review")
        found = DATA.search(path.read_bytes())
    except OSError as err:
        raise ConfigError(
            f"{shown(str(path), 300)} cannot be read: {err.strerror} - name a page or what it saved"
        ) from err
    return found and found[1]


def _check_page(database: Database, layout: DatasetLayout, path: Path, data: bytes, pages: list[KnownPage]) -> Checked:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if known := next((one for one in pages if one.sha256 == digest), None):
        return Checked(known.design, "page", ())
    now = hashlib.sha256(data).hexdigest()
    if known := next((one for one in pages if one.data_sha256 == now), None):
        return Checked(
            known.design,
            "page",
            ("pictures and design are as written, the page around them is not: what it computes may be anything",),
        )
    try:
        said = json.loads(data)
        name = str(said["design"])
        images = [(one["number"], one["key"], one["content_sha256"], one["probability"]) for one in said["images"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return Checked("", "page", ("its data were edited, and are no review's any more",))
    review = read_review(database.results, layout, name)
    if review is None:
        return Checked(name, "page", (_no_design(layout, name),))
    return Checked(name, "page", tuple(_of_data(database, review, said, images)))


def _of_data(
    database: Database, review: Review, said: Mapping[str, Any], images: list[tuple[Any, ...]]
) -> Iterator[str]:
    told = {name: value for name, value in said["published"].items() if name != "name"}
    if told != review.json["published"]:
        differ = sorted(
            name for name in {*told, *review.json["published"]} if told.get(name) != review.json["published"].get(name)
        )
        yield f"the published number was edited: {', '.join(map(shown, differ))}"
    for name in ("run_key", "result_sha256", "seed", "salt", "probability", "frame", "n", "drawn_at"):
        if said.get(name) != review.json[name]:
            yield f"{name} was edited"
    database.view_parquet("stored_review", [review.drawn_key], DRAWN)
    stored = database.run(
        "SELECT number, key, content_sha256, probability FROM stored_review ORDER BY number"
    ).fetchall()
    if images != stored:
        missing = len(set(stored) - set(images))
        more = len(set(images) - set(stored))
        yield f"its images are not those that were drawn: {missing} are missing, {more} are none of them"
    yield "its data are not those that were written: pictures, boxes or predictions were edited, or it was made elsewhere"


def _of_labels(saved: Saved, drawn: list[ReviewImage], pages: list[KnownPage]) -> Iterator[str]:
    if not saved.whole:
        yield "it was edited after the page saved it: its sha256 is not that of what it says"
    if odd := differing(saved, drawn):
        some = ", ".join(map(str, odd[:3]))
        yield f"{counted(len(odd), 'label')} of images that the design did not draw, or twice, such as number {some}"
    if not any(_is_of(one, saved) for one in pages):
        yield "it was saved by a page that is not as it was written"


def _is_of(page: KnownPage, saved: Saved) -> bool:
    return (page.design, page.data_sha256) == (saved.design, saved.data_sha256)


def _no_design(layout: DatasetLayout, name: str) -> str:
    return f"design {shown(name, 40)} is none that is stored of dataset {layout.dataset} - name the dataset that it was drawn of"


def _numbers(review: Review, found: Mapping[str, Any]) -> str:
    published = review.published
    ends = "no interval" if found["low"] is None else f"{found['low']:.6g} to {found['high']:.6g}"
    return (
        f"{published.number} of {shown(published.taxon, 80)} {published.value:.6g} as published; with "
        f"{counted(found['labels'], 'label')} {ends}"
    )
