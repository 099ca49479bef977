"""What was changed in a dataset file although rows are stored - source, results or name - so that images are inferred again."""

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from shoal.contract.errors import ConfigError, ContractError, EmptyBucketError, ShoalError, one_line
from shoal.contract.layout import DatasetLayout, VariantLayout
from shoal.models.approval import Answer
from shoal.results.latest_plan import find_latest_plan
from shoal.results.read_plan import find_plan
from shoal.results.stored_plan import StoredPlan
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import Stores
from shoal.settings.results_place import ResultsPlace
from shoal.stores.object_store import ObjectStore

log = logging.getLogger(__name__)

_PLACES = ("bucket", "path", "remote_path", "prefix")
"""Fields of `source` that say which images there are."""

MOST_NEIGHBOURS = 100
"""Folders beside the dataset's that are looked into."""


@dataclass(frozen=True)
class Moved:
    """How a dataset file differs from what is stored.

    Attributes:
        source: The bucket or prefix that rows are of, and the one of now; empty where they are the same.
        results: The place that the last run wrote to, and where nothing lies now; empty where there is none.
        name: The dataset that has rows of these images, and no file beside this one: it was renamed, or is another folder's or
            Airflow's; empty where there is none.
        run_key: The run that tells; empty where Airflow does.
        images: How many images that run had; None where it is not known.
    """

    source: str = ""
    results: str = ""
    name: str = ""
    run_key: str = ""
    images: int | None = None

    def describe(self, to_infer: int | None = None) -> list[str]:
        """Say what was changed and what it means.

        Args:
            to_infer: Images without a row; None where nobody counted.
        """
        again = _images(self.images if to_infer is None else to_infer)
        return list(self._lines(f"{again} will be inferred again"))

    def say_nothing_there(self, err: ConfigError, *, whole: bool) -> ConfigError:
        """Say of a bucket that has no image, or is none, what the dataset has images of.

        Args:
            err: What the listing says; where the file and the bucket are as they were, or its words are of something else, it
                stays as it is.
            whole: Whether the dataset's whole scope was looked at, no part of it.
        """
        if self.source:
            return type(err)(
                f"{err}; the dataset file named other images before ({self.source}): nothing was started, what run "
                f"{self.run_key} stored of its {_images(self.images)} stays - set it back, or make a dataset of its own for "
                "other images"
            )
        if whole and self.images and isinstance(err, EmptyBucketError):
            return type(err)(
                f"{err}; run {self.run_key} listed {_images(self.images)} there: nothing was started, what it stored stays - "
                "where they were removed on purpose, pause the DAG"
            )
        return err

    def _lines(self, again: str) -> Iterator[str]:
        if self.source:
            yield (
                f"changed since run {self.run_key}: {self.source}; rows are of one object each, so {again} where they are not "
                "the same objects - set it back, or make a dataset of its own for other images"
            )
        if self.results:
            yield (
                f"results changed since this dataset's last run: {self.results}, where nothing of it lies: {again} - set results "
                "back, or copy the old folder there first (docs/operations.md)"
            )
        if self.name:
            yield (
                f"dataset {self.name} has rows of the same images and no dataset file beside this one: under this name {again} - "
                "if it was renamed, copy its folder to the new name first (docs/operations.md); if it lies in another folder, "
                "bundle or Airflow, both go on, or use its name"
            )


def look_back(
    stores: Stores, dataset: Dataset, before: ResultsPlace | None = None, neighbours: Collection[str] = ()
) -> Moved:
    """Compare a dataset file with what earlier runs stored.

    Args:
        stores: The dataset's buckets.
        dataset: The file's settings.
        before: Where the last run wrote, as Airflow remembers it; None where nobody knows.
        neighbours: Names of the dataset files of the same folder: those that have one were not renamed. Airflow names no DAG that
            is gone as such to a task, so files of other folders are not known.

    Raises:
        StoreError: The results bucket does not answer.
    """
    try:
        latest = find_latest_plan(stores.results, stores.layout)
        changed = "" if latest is None else _source_change(latest, dataset)
    except ContractError as err:
        # An old plan that somebody broke is no reason against a new one.
        log.warning("What changed since the last run is not known: %s", one_line(err))
        return Moved()
    if latest is not None:
        return Moved(source=changed, run_key=latest.run_key, images=latest.counts.listed)
    here = ResultsPlace.of(dataset)
    if before is not None and before != here:
        return Moved(results=f"{before} -> {here}")
    return _renamed(stores, dataset, {*neighbours, dataset.name})


def _source_change(plan: StoredPlan, dataset: Dataset) -> str:
    old, new = plan.settings_json["source"], dataset.source
    pairs = [(name, str(old.get(name, "")), str(getattr(new, name) or "")) for name in _PLACES]
    return ", ".join(f"source.{name} {was or 'none'} -> {now or 'none'}" for name, was, now in pairs if was != now)


def is_about_others(results: ObjectStore, layout: VariantLayout, answer: Answer, dataset: Dataset) -> bool:
    """Whether a person said yes to a run over another bucket or prefix than the dataset file names now."""
    try:
        plan = find_plan(results, layout.run(answer.run_key).plan) if answer.run_key else None
        return plan is not None and bool(_source_change(plan, dataset))
    except ContractError:
        return True  # nobody can tell to what it was said


def _renamed(stores: Stores, dataset: Dataset, with_files: Collection[str]) -> Moved:
    prefix = dataset.results.prefix
    folders = [name for name in stores.results.list_folders(prefix) if name not in with_files][:MOST_NEIGHBOURS]
    for name in folders:
        try:
            plan = find_latest_plan(stores.results, DatasetLayout(prefix, name))
            is_same = plan is not None and not _source_change(plan, dataset)
        except ShoalError:
            continue  # what lies beside the dataset is nobody's word about it, and a key of this dataset need not read it
        if plan is not None and is_same:
            return Moved(name=name, run_key=plan.run_key, images=plan.counts.listed)
    return Moved()


def _images(count: int | None) -> str:
    return "every image" if count is None else "1 image" if count == 1 else f"{count:,} images"
