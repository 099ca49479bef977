"""What the pages of images read: the run, and its answer on this disk."""

import asyncio
import atexit
import hashlib
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TypeVar

from shoal.airflow.pages.answer_door import kept_files
from shoal.airflow.pages.kept import Kept
from shoal.airflow.pages.run_place import Place, find_run, label_of
from shoal.answers.awaited import displaced
from shoal.answers.browse import BrowsedAnswer, bring, brought_of
from shoal.answers.browsed import SeenImage
from shoal.answers.browsed_shapes import has_shapes, with_shapes
from shoal.answers.shelf import MOST_ANSWERS, Brought, Shelf
from shoal.answers.stored_look import stored_look
from shoal.contract.errors import ConfigError, shown
from shoal.contract.run_names import dataset_of
from shoal.pictures.drawing import PictureLimits
from shoal.results.read_plan import read_plan
from shoal.results.stored_plan import StoredPlan
from shoal.results.stored_summary import StoredSummary, find_summary
from shoal.settings.taxa import digest_of
from shoal.stores.object_store import ImageStore
from shoal.tables.session import Database

T = TypeVar("T")

RUN_S = 15.0
"""So long the summary and the dataset file that were read are good enough for the next one who looks."""

LOOK_S = 60.0
"""So long a page of images is: its tables never change."""

PREPARED_S = 4.0
"""So long somebody waits for an answer to be brought here before he is told that it is on its way."""

RUNS = Kept(threads=4, most=24)
"""Runs that are looked at: the summary of a large one is megabytes."""

LOOKS = Kept(threads=4, most=64, deadline_s=15.0)
"""Pages of images: each at most some hundred kilobytes."""

STORED = Kept(threads=2, most=64, deadline_s=15.0)
"""What is read from the results bucket for the page of an image."""


class StillComingError(Exception):
    """An answer is on its way to this disk."""


@dataclass(frozen=True)
class OpenRun:
    """A run whose images are looked at.

    Attributes:
        dag_id: The DAG under which it is shown.
        variant: Folder of its variant.
        run_key: It.
        place: Where its dataset's results lie.
        summary: What it found.
        plan: As it was planned.
    """

    dag_id: str
    variant: str
    run_key: str
    place: Place
    summary: StoredSummary
    plan: StoredPlan

    @cached_property
    def name(self) -> tuple[str, ...]:
        """Of its answer and of all that it is made of: runs with the same tables share it."""
        taxa = self.place.dataset.taxa if self.place.dataset else {}
        of = repr((digest_of(taxa), self.plan.settings.model.pixel_limit))
        files = sorted(file.key for file in self.summary.files if file.month is not None or file.name == "failures.csv")
        told = hashlib.sha256("\n".join([of, self.run_key if not files else "", *files]).encode()).hexdigest()
        return self.place.results.uri(self.place.layout.variant(self.variant).root), told

    @property
    def zone(self) -> str:
        """Of the dataset's days."""
        return self.plan.settings.report.zone

    @property
    def limits(self) -> PictureLimits:
        """What the run let an image have."""
        model = self.plan.settings.model
        return PictureLimits(model.pixel_limit, model.scan_limit)

    @property
    def source(self) -> ImageStore:
        """The images, where the dataset file of today has them: no plan decides what this server asks a store for.

        Raises:
            ConfigError: There is no such file, or the run looked at another bucket.
        """
        dataset, then = self.place.dataset, self.plan.settings.source
        if dataset is None:
            raise ConfigError("the dataset has no file any more: nobody says where its images are")
        if dataset.source.place != then.place:
            raise ConfigError(
                f"the run looked at {shown(then.place, 80)}, and the dataset file has {shown(dataset.source.place, 80)} now"
            )
        return self.place.stores.source


async def open_run(dag_id: str, variant: str, run_key: str) -> OpenRun:
    """Find a run that has a summary.

    Raises:
        ConfigError: There is none of the DAG's dataset.
        ShoalError: It cannot be looked at, and was not before.
    """

    def read() -> OpenRun:
        place, run = find_run(dag_id, variant, run_key)
        summary = find_summary(place.results, run.summary)
        if summary is None:
            raise ConfigError(f"Run {run_key} has no answer yet: its images are to be seen when it has ended")
        return OpenRun(dag_id, variant, run_key, place, summary, read_plan(place.results, run.plan))

    return (
        await RUNS.get(label_of(dataset_of(dag_id) or dag_id), (dag_id, variant, run_key), read, fresh_s=RUN_S)
    ).value


def need_images(run: OpenRun) -> None:
    """Check that a run has tables of its images.

    Raises:
        ConfigError: It has none.
    """
    if not run.summary.complete:
        raise ConfigError(
            f"Run {run.run_key} is not complete, and its images would pass for all of them: only its failures are to be seen"
        )
    if not run.summary.by_month:
        raise ConfigError(f"Run {run.run_key} is of an earlier release and has no tables of images - start a new run")


@cache
def shelf() -> Shelf:
    """Give the answers whose images are looked through in this process."""
    made = Shelf(kept_files())
    atexit.register(made.close)
    return made


async def need_here(run: OpenRun) -> Brought:
    """Have a run's answer on this disk.

    Raises:
        StillComingError: It is on its way.
        ShoalError: It cannot be brought here.
    """
    place, taxa = run.place, run.place.dataset.taxa if run.place.dataset else {}
    layout = place.layout.variant(run.variant)
    coming = shelf().bring(
        run.name,
        place.results,
        brought_of(run.summary),
        lambda database: bring(database, layout, run.summary, run.plan, taxa),
    )
    if not coming.done():
        await asyncio.wait([asyncio.wrap_future(coming)], timeout=PREPARED_S)
    if not coming.done():
        raise StillComingError
    try:
        return coming.result()
    except CancelledError:
        raise displaced(MOST_ANSWERS) from None


async def look(run: OpenRun, what: tuple[object, ...], read: Callable[[BrowsedAnswer], T], kept: Kept = LOOKS) -> T:
    """Look at a run's answer, for seconds.

    Args:
        run: The run.
        what: Is asked: the same is answered once for all who ask.
        read: Reads it.
        kept: Where that is kept.

    Raises:
        StillComingError: It is on its way.
        ShoalError: It cannot be looked at.
    """
    brought = await need_here(run)

    def look_at() -> T:
        with brought.look() as answer:
            return read(answer)

    return (await kept.get(f"The images of run {run.run_key}", (run.name, *what), look_at, fresh_s=LOOK_S)).value


async def look_stored(run: OpenRun, what: tuple[object, ...], read: Callable[[Database], T]) -> T:
    """Read tables where they are stored, for seconds; nobody who looks at the answer on this disk waits for it.

    Raises:
        ShoalError: They cannot be read.
    """

    def read_stored() -> T:
        with stored_look(run.place.results) as database:
            return read(database)

    label = label_of(dataset_of(run.dag_id) or run.dag_id)
    return (await STORED.get(label, (run.name, *what), read_stored, fresh_s=LOOK_S)).value


async def shapes_of(run: OpenRun, image: SeenImage) -> SeenImage:
    """Add what the boxes of an image are drawn as where they are no upright ones; raises as `look_stored`."""
    if not has_shapes(run.plan):
        return image
    return await look_stored(run, ("shapes", image), lambda database: with_shapes(database, image, run.summary.tables))
