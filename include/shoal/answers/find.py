"""A stored run: by its key, the beginning of it, or as the dataset's answer."""

from dataclasses import dataclass

from shoal.contract.errors import ConfigError, shown
from shoal.contract.layout import DatasetLayout, VariantLayout
from shoal.contract.units import counted
from shoal.pictures.drawing import PictureLimits
from shoal.results.answer import read_current
from shoal.results.read_plan import read_plan
from shoal.results.run_list import list_planned
from shoal.results.stored_plan import StoredPlan
from shoal.results.stored_summary import StoredSummary, find_summary
from shoal.stores.object_store import ObjectStore

CURRENT = "current"
"""The word for the dataset's answer."""

SHOWN_RUNS = 3


@dataclass(frozen=True)
class StoredRun:
    """A complete run with its tables.

    Attributes:
        layout: The variant's objects.
        plan: As it was planned.
        summary: What it found.
    """

    layout: VariantLayout
    plan: StoredPlan
    summary: StoredSummary

    @property
    def run_key(self) -> str:
        """Its key."""
        return self.summary.run_key

    @property
    def picture_limits(self) -> PictureLimits:
        """Judge images by the limits that the run had."""
        model = self.plan.settings.model
        return PictureLimits(model.pixel_limit, model.scan_limit)


def find_run(results: ObjectStore, layout: DatasetLayout, run: str = CURRENT) -> StoredRun:
    """Find a run whose answer can be read.

    Args:
        results: The results bucket.
        layout: The dataset.
        run: Its run_key, the beginning of that, either behind `<dataset>/`, or `current`.

    Raises:
        ConfigError: There is none, there are several, it is of another dataset, or it has no tables.
        ContractError: A stored object is not what it must be.
        StoreError: The bucket does not answer.
    """
    run_key, variant = _locate(results, layout, run)
    return read_run(results, layout.dataset, variant, run_key)


def read_run(results: ObjectStore, dataset: str, variant: VariantLayout, run_key: str) -> StoredRun:
    """Read a run whose place is known.

    Raises:
        ConfigError: It has no answer, or it is not complete, or has no tables.
        ContractError: A stored object is not what it must be.
        StoreError: The bucket does not answer.
    """
    of_run = variant.run(run_key)
    summary = find_summary(results, of_run.summary)
    named = f"{dataset}/{run_key}"
    if summary is None:
        raise ConfigError(
            f"Run {named} has no answer yet: there is no {of_run.summary} - python -m shoal why {named} says why"
        )
    if not summary.complete:
        raise ConfigError(
            f"Run {named} is not complete, and its numbers would pass for those of all images: {_left(summary)} - "
            f"python -m shoal why {named} says what goes on with it"
        )
    if not summary.by_month:
        raise ConfigError(f"Run {named} is of an earlier release and has no tables - start a new run")
    return StoredRun(variant, read_plan(results, of_run.plan), summary)


def find_current(results: ObjectStore, layout: DatasetLayout) -> tuple[str, VariantLayout]:
    """Find the run that is the dataset's answer: its key and its variant.

    Raises:
        ConfigError: There is none.
        ContractError: The stored object is not what it must be.
        StoreError: The bucket does not answer.
    """
    current = read_current(results, layout)
    if current is None:
        raise ConfigError(
            f"Dataset {layout.dataset} has no answer yet - python -m shoal why {layout.dataset} says why; or name a run"
        )
    return str(current["run_key"]), layout.variant(current["variant"]["directory"])


def _locate(results: ObjectStore, layout: DatasetLayout, run: str) -> tuple[str, VariantLayout]:
    dataset, slash, beginning = run.rpartition("/")
    if slash and dataset != layout.dataset:
        raise ConfigError(
            f"Run {shown(run, 200)} is of dataset {shown(dataset, 100)}, and this is {layout.dataset} - name a run of it"
        )
    if beginning == CURRENT:
        return find_current(results, layout)
    runs = list_planned(results, layout)
    meant = [run_key for run_key in runs if beginning and run_key.startswith(beginning)]
    if len(meant) == 1:
        return meant[0], layout.variant(runs[meant[0]])
    there = ", ".join((meant or list(runs))[-SHOWN_RUNS:]) or "none"
    if meant:
        raise ConfigError(
            f"{len(meant)} runs of dataset {layout.dataset} begin with {shown(beginning, 100)!r}, the latest {there} - write more"
        )
    raise ConfigError(
        f"No run of dataset {layout.dataset} begins with {shown(beginning, 100)!r} below {results.uri(layout.root)} - the latest "
        f"are {there}"
    )


def _left(summary: StoredSummary) -> str:
    left = {fate: count for fate, count in summary.balance.items() if fate in {"pending", "unsettled"} and count}
    return ", ".join(f"{counted(count, 'image')} {fate}" for fate, count in left.items()) or "images are left"
