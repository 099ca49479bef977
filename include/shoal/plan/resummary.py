"""A run of kind `resummary`: the images, rows and first balance of another run, counted by the dataset file of now.

It lists nothing and starts no worker. What decides listing and rows stays as that run froze it; everything that turns rows into
numbers is the dataset file's. So its answer has the same bytes as if that run had been planned with these settings.
"""

from dataclasses import asdict, dataclass
from typing import Any

from shoal.bucket.correction_words import read_correction_words
from shoal.bucket.unshown_names import read_name_words
from shoal.bucket.zone_words import read_zone_words
from shoal.contract.errors import ConfigError
from shoal.contract.layout import FORMAT_VERSION, VariantLayout
from shoal.contract.run_names import may_move_answer, reanalyse_dag_id
from shoal.models.then import make_roll_up
from shoal.results.answer import read_current
from shoal.results.inputs import need_inputs
from shoal.results.plan_parts import PlannedBy
from shoal.results.read_plan import read_plan
from shoal.results.stored_plan import StoredPlan
from shoal.results.stored_summary import find_summary
from shoal.settings.changed import stored_settings, tell_differences
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import Stores
from shoal.tables.clock_table import read_clock_table
from shoal.tables.clock_times import read_times
from shoal.tables.frozen_listing import FrozenAt, find_files, load_images
from shoal.tables.session import open_database

KIND = "resummary"

NOBODY = PlannedBy("", "")

FROZEN = ("source", "models", "model")
"""Groups of a dataset file that decide what was listed and what was inferred: those of the run whose rows these are."""


@dataclass(frozen=True)
class Resummary:
    """What is to be counted again.

    Attributes:
        dataset: The dataset file as it is now.
        of_run: The run whose images and rows these are, or a resummary of that.
        directory: Folder of its variant.
        run_key: The new run.
        conf: In place of every threshold of the dataset file; None for those.
        publish: Whether it is to become the dataset's answer.
        owner: The Dag run that asks; nobody where a command does.
    """

    dataset: Dataset
    of_run: str
    directory: str
    run_key: str
    conf: float | None = None
    publish: bool = False
    owner: PlannedBy = NOBODY

    @classmethod
    def of_answer(
        cls, dataset: Dataset, stores: Stores, run_key: str, conf: float | None, owner: PlannedBy
    ) -> "Resummary":
        """Ask for the images of the dataset's answer; with the dataset file's own thresholds it is to become the answer.

        Raises:
            ConfigError: There is no answer yet, or another DAG asks than the one whose runs become the answer.
        """
        current = read_current(stores.results, stores.layout)
        if current is None:
            raise ConfigError(
                f"Dataset {dataset.name!r} has no answer whose images could be counted again - "
                f"python -m shoal why {dataset.name} says why"
            )
        if not may_move_answer(owner.dag_id):
            raise ConfigError(
                f"count_again is about the dataset's answer, and {owner.dag_id} looks at months - trigger "
                f"{reanalyse_dag_id(dataset.name)} with it"
            )
        return cls(dataset, current["run_key"], current["variant"]["directory"], run_key, conf, conf is None, owner)


def plan_resummary(asked: Resummary, stores: Stores) -> StoredPlan:
    """Write the plan of a resummary; summarizing it is the same step as after any other run.

    Raises:
        ConfigError: That run is not complete, cannot be published, or what is asked for changes more than numbers.
        ContractError: What it is computed from was deleted.
        StoreError: A store does not answer.
    """
    planned = as_planned(asked, stores)
    key = stores.layout.variant(asked.directory).run(asked.run_key).plan
    stores.results.write_json(key, dict(planned.json))
    return read_plan(stores.results, key)


def as_planned(asked: Resummary, stores: Stores) -> StoredPlan:
    """Make such a plan, and write nothing.

    Raises:
        ConfigError: As `plan_resummary`.
        ContractError: As `plan_resummary`.
        StoreError: As `plan_resummary`.
    """
    layout = stores.layout.variant(asked.directory)
    told = read_plan(stores.results, layout.run(asked.of_run).plan)
    if told.of_run is not None:
        told = read_plan(stores.results, layout.run(told.of_run).plan)
    _need_complete(told, stores, layout)
    need_inputs(stores.results, told, layout.run(told.run_key))
    settings = asked.dataset.model_copy(update={name: getattr(told.settings, name) for name in FROZEN})
    _need_same_window(told, settings)
    if asked.publish:
        _need_publishable(told, asked, stores)
    return StoredPlan.parse(
        {
            **told.json,
            "kind": KIND,
            "run_key": asked.run_key,
            "of_run": told.run_key,
            "dag_run": asdict(asked.owner),
            "params": told.params.model_copy(update={"conf": asked.conf}).model_dump(mode="json"),
            "settings": stored_settings(settings),
            "may_become_current": asked.publish,
            **_read_again(told, settings, stores),
            "approval": None,
            "passed_over": [],
            "capacity": None,
            "eta_s": 0.0,
        }
    )


def tell_not_taken(told: StoredPlan, now: Dataset) -> str:
    """Say what of a dataset file a count does not take: it decides what is listed and inferred. Empty where it is as it was."""
    differences = tell_differences(
        told.settings, told.settings.model_copy(update={name: getattr(now, name) for name in FROZEN})
    )
    return differences or _tell_rolled_up(told, now)


def _tell_rolled_up(told: StoredPlan, now: Dataset) -> str:
    """Say that a second model's classes would roll up otherwise than its rows did; empty where they would not."""
    if told.then is None:
        return ""
    then = told.job.inference.then
    roll_up = None if then is None else then.roll_up
    if roll_up is None:
        return ""
    names = told.then.names[: len(told.then.names) - len(roll_up.ancestors)]
    if make_roll_up(names, roll_up.min_conf, now.taxa) == roll_up:
        return ""
    return "taxa: what stands above the classes of model.then, or what they count as"


def _need_complete(told: StoredPlan, stores: Stores, layout: VariantLayout) -> None:
    """Refuse a run whose numbers are not there yet."""
    name = f"{stores.layout.dataset}/{told.run_key}"
    if told.format_version < FORMAT_VERSION:
        raise ConfigError(
            f"Run {name} is of format {told.format_version}, which is read and not counted with other settings - start a new run"
        )
    summary = find_summary(stores.results, layout.run(told.run_key).summary)
    if summary is None or not summary.complete:
        what = "has no summary yet" if summary is None else "left images to other runs"
        raise ConfigError(
            f"Run {name} {what}: its numbers would pass for those of all images - python -m shoal why {name} says how it goes on"
        )


def _need_same_window(told: StoredPlan, settings: Dataset) -> None:
    """Refuse to move images in or out of a window of capture times: then others would have to be listed."""
    before, now = _times_of(told.settings), _times_of(settings)
    moved = [name for name in before if before[name] != now[name]]
    if told.params.window.is_open or not moved:
        return
    raise ConfigError(
        f"Run {told.run_key} looked at a window of capture times, and {' and '.join(moved)} of the dataset file changed since: "
        "other images may lie in it now - start a run over that window"
    )


def _times_of(settings: Dataset) -> dict[str, Any]:
    """Say what decides capture times."""
    stays = [(stay.camera, stay.name, stay.span, stay.correction) for stay in settings.deployments]
    return {"clock": settings.clock, "deployments": stays}


def _need_publishable(told: StoredPlan, asked: Resummary, stores: Stores) -> None:
    """Refuse to make an answer of what could never become one."""
    if not_taken := tell_not_taken(told, asked.dataset):
        raise ConfigError(
            f"The dataset file says otherwise than run {told.run_key} what is listed and inferred ({not_taken}), so a count of "
            "its images is not what the file asks for - start a run, which becomes the answer"
        )
    current = read_current(stores.results, stores.layout)
    if current is not None and FrozenAt.of_answer(current).listed_at > told.listing.frozen_at.listed_at:
        raise ConfigError(
            f"Run {current['run_key']} on a later listing is the answer already - publish a count of that one, or say no "
            "--publish"
        )
    if asked.conf is not None:
        raise ConfigError(
            f"conf {asked.conf:g} is not that of the dataset file, so it cannot become the answer - write it into the file, then "
            "publish without one"
        )
    if not told.may_become_current:
        raise ConfigError(
            f"Run {told.run_key} cannot become the answer: it looked at a part of the dataset, or with another model version or "
            "conf than the dataset file's - name another run, or none: the answer's"
        )


def _read_again(told: StoredPlan, settings: Dataset, stores: Stores) -> dict[str, Any]:
    """Let the clock of now read the frozen listing; which names could not be read is as that run met them.

    What that run said besides was of work that it had before it: nothing is inferred here.
    """
    with open_database(stores.results, settings.run) as database:
        load_images(database, find_files(stores.results, told.listing.key))
        read_times(database, settings.clock, settings.deployments)
        full = told.params.full_scope
        corrected = read_correction_words(database, settings.deployments, full_scope=full)
        zones = read_zone_words(database, settings)
        names = read_name_words(database, mounts=told.settings.mounts)
        return {
            "clock": read_clock_table(database, settings.clock, settings.name).to_json(),
            "remarks": [*corrected, *zones, *names],
        }
