"""The number of a paper that a reviewer tests: of one taxon, of all images that may be shown, by the answer or an estimate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from shoal.answers.find import StoredRun
from shoal.contract.errors import ConfigError, shown
from shoal.contract.layout import DatasetLayout
from shoal.contract.stored_json import reading
from shoal.contract.tasks.classify import CLASSIFY
from shoal.evidence.answer_evidence import ESTIMATES_FILE
from shoal.evidence.answer_files import read_file
from shoal.evidence.taxon_names import counted_names
from shoal.stores.object_store import ObjectStore
from shoal.tables.session import Database

Number = Literal["total", "mean", "share"]
NUMBERS: tuple[Number, ...] = ("share", "mean", "total")
"""Share of the images with the taxon, its individuals per image, its individuals in all of them."""

OF_ANSWER = "answer"
"""In place of an estimate's name: the one that stands beside the answer, which report, pages and workbooks show."""

_IN_FRAME = """
    SELECT count(*), count(DISTINCT (key, object_version)) FROM detections SEMI JOIN frame USING (key, object_version)
    WHERE role = 'count' AND taxon = ?
"""


@dataclass(frozen=True)
class Published:
    """What is said of a taxon.

    Attributes:
        taxon: Its name.
        number: Which number.
        value: It.
        low: The lower end of its interval; None where it is a count of the model's, which has none.
        high: The upper end.
        estimate: Name of the stored estimate that says so, or `OF_ANSWER`; None where it is a count of the model's.
        predicted: What the model says of all images of the frame: individuals, of a share images with any.
        of_all: What the answer says where images of people are in it, too; None where the frame has all images.
    """

    taxon: str
    number: Number
    value: float
    low: float | None
    high: float | None
    estimate: str | None
    predicted: int
    of_all: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Write it."""
        return {
            "taxon": self.taxon,
            "number": self.number,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "estimate": self.estimate,
            "predicted": self.predicted,
            "of_all": self.of_all,
        }

    @classmethod
    def parse(cls, stored: Mapping[str, Any]) -> "Published":
        """Read it."""
        return cls(**{name: stored[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Asked:
    """Which number a person means.

    Attributes:
        taxon: In his word; None where the answer has one alone.
        number: Which of it.
        estimate: Name of a stored estimate, or `OF_ANSWER`; None for the model's count.
    """

    taxon: str | None
    number: Number
    estimate: str | None = None


def find_published(
    database: Database, layout: DatasetLayout, run: StoredRun, asked: Asked, *, images: int, people: int
) -> Published:
    """Find the number.

    Args:
        database: Holds the views of `frame.view_frame`.
        layout: The dataset.
        run: Whose answer it is of.
        asked: Which number.
        images: Those of the frame.
        people: Images that are left out of it.

    Raises:
        ConfigError: There is no such taxon or estimate, or that tells no such number of these images.
    """
    if run.plan.task == CLASSIFY.name and asked.number != "share":
        raise ConfigError(
            f"--number {asked.number}: {run.plan.models} says of an image as a whole what it shows, and counts nothing in it - "
            "ask for --number share"
        )
    taxon = _taxon(run, asked.taxon)
    boxes, images_with = database.run(_IN_FRAME, [taxon]).fetchone() or (0, 0)
    predicted = images_with if asked.number == "share" else boxes
    if asked.estimate is not None:
        return _estimated(database.results, layout, run, asked, taxon, images=images, predicted=predicted)
    value = predicted if asked.number == "total" else predicted / images
    of_all = _of_all(run, taxon, asked.number) if people else None
    return Published(taxon, asked.number, value, None, None, None, predicted, of_all)


def _of_all(run: StoredRun, taxon: str, number: Number) -> float:
    species = next((one for one in run.summary.result["species"] if one["taxon"] == taxon), None)
    if species is None:
        return 0
    counted: int = species["images_with" if number == "share" else "detections"]
    return counted if number == "total" else counted / run.summary.uses["used"]


def _taxon(run: StoredRun, said: str | None) -> str:
    names = counted_names(run)
    taxa = sorted(set(names.values()))
    if said is None and len(taxa) == 1:
        return taxa[0]
    there = ", ".join(shown(one, 80) for one in taxa[:8]) or "none"
    if said is None:
        raise ConfigError(f"A review is of one taxon - add --taxon NAME, there are: {there}")
    found = names.get(said)
    if found is None:
        raise ConfigError(f"--taxon {shown(said, 100)!r}: the run counts no such taxon - there are: {there}")
    return found


def _estimated(
    results: ObjectStore,
    layout: DatasetLayout,
    run: StoredRun,
    asked: Asked,
    taxon: str,
    *,
    images: int,
    predicted: int,
) -> Published:
    name, name_of_run = str(asked.estimate), f"{layout.dataset}/{run.run_key}"
    again = f"python -m shoal estimate {layout.dataset} --at {run.run_key}"
    key, stored = _find_estimate(results, layout, run, name, again)
    with reading(f"Estimate {key}", "restore it from a copy of the bucket"):
        if name != OF_ANSWER and (stored["run_key"], stored["result_sha256"]) != (
            run.run_key,
            run.summary.result_sha256,
        ):
            raise ConfigError(
                f"--estimate {name} is of run {shown(str(stored['run_key']), 60)}, not of {name_of_run} - name that run, or "
                f"make one of this: {again}"
            )
        if stored["images"] != images:
            raise ConfigError(
                f"--estimate {name} is of {stored['images']} images, run {name_of_run} has {images} that can be drawn - draw "
                f"and label those that came since, and make one of all: {again}"
            )
        of_taxon = next((one for one in stored["taxa"] if one["taxon"] == taxon), None)
        measure = of_taxon and of_taxon["share" if asked.number == "share" else "total"]
        if measure is None or measure["corrected"] is None:
            raise ConfigError(
                f"--estimate {name} tells no {asked.number} of {shown(taxon, 80)}: not estimable with "
                f"{stored['labels']} labels - ask for a share, for another taxon, or leave --estimate out"
            )
        ends = (
            ("corrected", "low", "high")
            if asked.number == "total"
            else ("per_image", "per_image_low", "per_image_high")
        )
        value, low, high = (cast("float", measure[end]) for end in ends)
    return Published(taxon, asked.number, value, low, high, name, predicted)


def _find_estimate(
    results: ObjectStore, layout: DatasetLayout, run: StoredRun, name: str, again: str
) -> tuple[str, dict[str, Any]]:
    """Find an estimate: its key and what it says."""
    if name == OF_ANSWER:
        file = run.summary.named.get(ESTIMATES_FILE)
        if file is None:
            raise ConfigError(
                f"--estimate {name}: run {layout.dataset}/{run.run_key} has no {ESTIMATES_FILE} - label images, or name an "
                f"estimate: {again}"
            )
        return file.key, read_file(results, run.summary, ESTIMATES_FILE)
    key = layout.evidence_file("estimates", name, "json")
    stored = results.find_json(key) if name.isalnum() else None
    if stored is None or stored.get("kind") != "estimate":
        raise ConfigError(
            f"--estimate {shown(name, 40)}: dataset {layout.dataset} has no such estimate - make one: {again}"
        )
    return key, stored
