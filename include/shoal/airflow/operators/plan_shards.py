"""The first task: what is there, what is new, what fits, who does what."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import BaseOperator, Context, conf

from shoal.airflow.bundled import DatasetFolder
from shoal.airflow.engine_of import engine_of
from shoal.airflow.open_runs import OpenRun, find_open_run, find_place, remember, remember_place
from shoal.airflow.operators.dag_runs import dag_run_state, find_state, owner_of
from shoal.airflow.operators.frozen_run import where_it_lies, where_it_works
from shoal.airflow.operators.installation import find_installation
from shoal.airflow.operators.left_behind import OVER, end_left_behind, end_moved
from shoal.airflow.operators.plan_told import notice, say_no_room, say_plan
from shoal.airflow.operators.run_conf import (
    BACKFILL,
    find_arrived,
    is_somebody_s_own,
    only_notices,
    read_params,
    reuse_listing_since,
    when_to_ask,
)
from shoal.airflow.operators.translate import translated_errors
from shoal.airflow.pages.links import PlanLink
from shoal.airflow.run_words import tell_count_again
from shoal.airflow.xcom_keys import PLAN, TELLS
from shoal.contract.errors import ConfigError, InsufficientCapacityError, shown
from shoal.contract.minted_names import is_time, mint_run_key, run_time
from shoal.contract.units import utc_text
from shoal.models.approval import Decision
from shoal.models.versions import LATEST
from shoal.plan.document import Plan
from shoal.results.plan_parts import PlannedBy
from shoal.settings.changed import stored_settings
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_files import dataset_files
from shoal.settings.results_place import ResultsPlace
from shoal.settings.run_form import RunParams
from shoal.settings.said_params import say_params

if TYPE_CHECKING:
    from shoal.capacity.share import Capacity
    from shoal.plan.request import PlanRequest
    from shoal.settings.dataset_stores import Stores

log = logging.getLogger(__name__)

RUNNING = {"queued", "running"}
LOOK_AGAIN = timedelta(minutes=1)


@dataclass(frozen=True)
class _Waiting:
    """A wait for room: since when, and why as it was told last."""

    since: datetime
    said: str = ""


class PlanShardsOperator(BaseOperator):
    """List the bucket, freeze it, find what is new, compute what fits, and cut it into shards.

    Returns one small dictionary per shard to map over: its number, a label for people, and which run it belongs to. Every
    attempt is a plan of its own with its own run_key.

    Args:
        dataset: The dataset's settings, as `Dataset.model_dump(mode="json")` writes them.
        folder: Where the dataset file lies; None: in the folder that every part of Airflow is told of.
        gone: Why nothing is planned: the dataset file is gone. Empty while it is there.
    """

    ui_color = "#d6e9f2"
    operator_extra_links = (PlanLink(),)

    def __init__(
        self, *, dataset: dict[str, Any], folder: DatasetFolder | None = None, gone: str = "", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.folder = folder
        self.gone = gone
        self.linked_run: dict[str, str] | None = None

    def execute(self, context: Context) -> Sequence[dict[str, Any]]:
        """Plan the run and write its plan."""
        return self._plan(context, _mint_run_key(context["ti"]), None)

    def look_again(
        self, context: Context, event: Any, run_key: str, since: str, *, source: Any = None, said: str = ""
    ) -> Sequence[dict[str, Any]]:
        """Plan the run whose listing is frozen already, after it waited for room; one of another source serves no more."""
        del event
        if source not in {None, _listed(self.dataset)}:
            log.info("the dataset file's source or results were changed while the run waited for room: it lists anew")
            run_key = _mint_run_key(context["ti"])
        return self._plan(context, run_key, _Waiting(datetime.fromisoformat(since), said))

    def _plan(self, context: Context, run_key: str, waiting: _Waiting | None) -> Sequence[dict[str, Any]]:
        from shoal.airflow.hooks.object_store import read_access  # noqa: PLC0415 - see the package's docstring
        from shoal.exports.export import need_exports  # noqa: PLC0415
        from shoal.settings.dataset_stores import open_stores  # noqa: PLC0415

        with translated_errors():
            dataset = Dataset.model_validate(self.dataset)
            if not self.gone:
                self._write_down(context, dataset, run_key)
            end_left_behind(context["ti"])
            if self.gone:
                raise ConfigError(self.gone)
            need_exports(dataset)
            notices = only_notices(context, dataset)
            params = RunParams(model_version=LATEST, plan_only=True) if notices else read_params(context)
            by_month = context["dag_run"].run_type == BACKFILL
            if params.count_again:
                return self._count_again(context, dataset, params, run_key)
            if waiting is None and (asked := say_params(params, context["params"], by_month=by_month)):
                log.info("%s", shown(asked))
            request = self._request(context, dataset, params, run_key, waiting)
            stores = open_stores(dataset, read_access)
            plan = self._make_plan(context, request, stores, waiting)
            if notices:
                notice(stores, plan)
            _need_latest(context["ti"], run_key)
        self.linked_run = run = {"variant": plan.variant.directory, "run_key": plan.run_key}
        run |= where_it_lies(plan.dataset, plan.to_json())
        state = {
            "plan_only": params.plan_only,
            "approval": str(plan.approval.decision),
            "cluster": where_it_works(dataset),
            "planned_at": utc_text(datetime.now(UTC)),
        }
        if plan.reused or (plan.work.shards and plan.approval.decision is not Decision.ASK and not params.plan_only):
            remember_place(ResultsPlace.of(dataset))
        context["ti"].xcom_push(key=PLAN, value={**run, **state})
        say_plan(context["ti"], stores, plan)
        if params.plan_only:
            log.info("plan_only: no shard is started")
            return []
        # The label is bounded: a thousand shards with the longest keys stay far below what an XCom may hold.
        return [{"shard": shard.shard, "label": shard.label, **run} for shard in plan.work.shards]

    def _count_again(
        self, context: Context, dataset: Dataset, params: RunParams, run_key: str
    ) -> Sequence[dict[str, Any]]:
        """Plan to count the answer's images with the settings of now: no listing, no room, no shard."""
        from shoal.airflow.hooks.object_store import read_access  # noqa: PLC0415 - see the package's docstring
        from shoal.plan.resummary import Resummary, plan_resummary, tell_not_taken  # noqa: PLC0415
        from shoal.settings.dataset_stores import open_stores  # noqa: PLC0415

        instance, stores = context["ti"], open_stores(dataset, read_access)
        owner = PlannedBy(instance.dag_id, instance.run_id, find_installation())
        asked = Resummary.of_answer(dataset, stores, run_key, params.conf, owner)
        plan = plan_resummary(asked, stores)
        _need_latest(instance, run_key)
        not_taken = tell_not_taken(plan, dataset)
        instance.xcom_push(key=TELLS, value=tell_count_again(plan))
        for line in (
            tell_count_again(plan),
            *([f"not taken, it takes a run to list or infer by it: {not_taken}"] if not_taken else ()),
            *plan.remarks,
        ):
            log.info("%s", shown(line))
        self.linked_run = run = {"variant": plan.variant.directory, "run_key": plan.run_key}
        run |= where_it_lies(dataset, plan.json)
        state = {"plan_only": False, "approval": str(Decision.NOT_NEEDED), "cluster": where_it_works(dataset)}
        instance.xcom_push(key=PLAN, value={**run, **state})
        return []

    def _write_down(self, context: Context, dataset: Dataset, run_key: str) -> None:
        """Write the run down before it owns anything, with the places where a plan of it that was cleared still does."""
        instance, here = context["ti"], where_it_works(dataset)
        _need_latest(instance, run_key)
        earlier = find_open_run(instance.dag_id, instance.run_id)
        elsewhere = end_moved(instance, earlier, here) if earlier else ()
        home, settings = self.folder.home if self.folder else "", stored_settings(dataset)
        remember(OpenRun(instance.dag_id, instance.run_id, settings, here, run_key, elsewhere=elsewhere, home=home))

    def _request(
        self, context: Context, dataset: Dataset, params: RunParams, run_key: str, waiting: _Waiting | None
    ) -> "PlanRequest":
        from shoal.plan.request import PlanRequest  # noqa: PLC0415

        return PlanRequest(
            dataset=dataset,
            params=params,
            dag_id=context["ti"].dag_id,
            run_id=context["ti"].run_id,
            installation=find_installation(),
            max_shards=conf.getint("core", "max_map_length"),
            run_key=run_key,
            frozen=waiting is not None,
            reuse_since=reuse_listing_since(context, dataset.run.schedule, datetime.now(UTC)),
            is_running=lambda dag_id, run_id: dag_run_state(context["ti"], dag_id, run_id) in RUNNING,
            asks=when_to_ask(context, dataset),
            empty_fails=is_somebody_s_own(context),
            place_before=find_place(dataset.name),
            arrived=find_arrived(context, dataset),
            neighbours=[path.stem for path in dataset_files((self.folder or DatasetFolder.of(None)).path)],
        )

    def _make_plan(self, context: Context, request: "PlanRequest", stores: "Stores", waiting: _Waiting | None) -> Plan:
        """Clean up what stands in the way, plan, and promise the room; or wait for it."""
        from shoal.plan.make_plan import make_plan  # noqa: PLC0415

        plan_only, latest = request.params.plan_only, partial(_need_latest, context["ti"], request.run_key)

        def find_room() -> "Capacity":
            latest()  # the listing may have taken hours
            return room.find(promise=not plan_only)

        engine, instance = engine_of(request.dataset), context["ti"]
        room = engine.room(engine.sample_pod(), lambda: owner_of(instance), partial(find_state, instance))
        latest()  # what follows belongs to the run, and by that to the attempt that planned it last
        room.clean_up()
        if waiting is None and context["ti"].try_number > 1:
            room.end_earlier()
        try:
            plan = make_plan(request, stores, find_room)
        except InsufficientCapacityError as err:
            say_no_room(request)
            if not engine.waits:
                raise
            self._wait(request.dataset, err, request.run_key, waiting or _Waiting(datetime.now(UTC)))
        if plan.work.shards and not plan_only:
            latest()
            # Until somebody has answered nothing starts: others may have the room meanwhile.
            room.settle(0 if plan.approval.decision is Decision.ASK else len(plan.work.shards))
        return plan

    def _wait(self, dataset: Dataset, err: InsufficientCapacityError, run_key: str, waiting: _Waiting) -> NoReturn:
        """Come back later without holding a slot; what is in the way is told once, and again when it is something else."""
        if datetime.now(UTC) - waiting.since >= dataset.cluster.wait:
            raise ConfigError(f"No room for one pod in {dataset.cluster.wait} (cluster.wait): {err}") from err
        if waiting.said != str(err):
            log.info("%s; looking again every %.0f s", err, LOOK_AGAIN.total_seconds())
        self.defer(
            trigger=TimeDeltaTrigger(LOOK_AGAIN),
            method_name="look_again",
            kwargs={
                "run_key": run_key,
                "since": waiting.since.isoformat(),
                "source": _listed(self.dataset),
                "said": str(err),
            },
        )


def _mint_run_key(instance: Any) -> str:
    """Make a run_key after those of earlier attempts: one of them may have been planned where the clock is ahead."""
    run_key, known = mint_run_key(datetime.now(UTC)), find_open_run(instance.dag_id, instance.run_id)
    if known is None or known.run_key < run_key or not is_time(known.run_key):
        return run_key
    return mint_run_key(run_time(known.run_key) + timedelta(seconds=1))


def _need_latest(instance: Any, run_key: str) -> None:
    """Let a plan count only as long as nobody planned the same run anew.

    A process that stood still for minutes is taken for dead: another attempt plans, shards start, and it goes on. Airflow takes
    its XComs all the same, and the tasks after it would go by two plans.

    Raises:
        ConfigError: Another attempt has planned since, or the run is over.
    """
    known = find_open_run(instance.dag_id, instance.run_id)
    # An earlier one stands there where this one's could not be written. Keys begin with the time.
    if known is not None and known.run_key > run_key:
        raise ConfigError(
            f"Another attempt has planned this run since ({known.run_key}): plan {run_key} comes too late, and counts for nothing"
        )
    if known is None and dag_run_state(instance, instance.dag_id, instance.run_id) in OVER:
        raise ConfigError(
            f"The run was over before its plan {run_key} was made: it comes too late, and counts for nothing"
        )


def _listed(dataset: dict[str, Any]) -> str:
    """Say what a waiting run has listed, and into which folder it has written that."""
    return json.dumps([dataset["source"], dataset["results"]], sort_keys=True)
