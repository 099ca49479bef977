"""What a plan is asked for."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime

from shoal.bucket.arrived import Arrived
from shoal.contract.minted_names import mint_run_key
from shoal.models.approval import Asks
from shoal.plan.taken_by_others import IsRunning
from shoal.settings.dataset import Dataset
from shoal.settings.results_place import ResultsPlace
from shoal.settings.run_form import RunParams


@dataclass(frozen=True)
class PlanRequest:
    """Who plans what.

    Attributes:
        dataset: The dataset.
        params: What the person who started the run said.
        dag_id: DAG that plans, empty when none does.
        run_id: Its Dag run.
        installation: Its Airflow, as `installation.find_installation` names it; empty when none plans.
        max_shards: Airflow's max_map_length.
        run_key: The run.
        again: Whether images that have a row are taken too: a check tries the whole way every time.
        frozen: Whether the run's listing is frozen already: a run that waited for room does not list again.
        reuse_since: A listing that another run froze at this time or later serves as well; None to list anew.
        is_running: Tells of another Dag run, by dag_id and run_id, whether it still runs.
        asks: When this run asks a person.
        place_before: Where the dataset's last run wrote, as Airflow remembers it; None where nobody knows.
        arrived: Where events say that something is new; None for a run that lists everything.
        neighbours: Names of the other dataset files.
        empty_fails: Whether a window without images fails the plan: one that a person chose, but no month of a backfill.
    """

    dataset: Dataset
    params: RunParams
    dag_id: str = ""
    run_id: str = ""
    installation: str = ""
    max_shards: int = 1024
    run_key: str = field(default_factory=lambda: mint_run_key(datetime.now(UTC)))
    again: bool = False
    frozen: bool = False
    reuse_since: datetime | None = None
    is_running: IsRunning = lambda _dag_id, _run_id: False
    asks: Asks = Asks.AGAIN
    empty_fails: bool = False
    place_before: ResultsPlace | None = None
    neighbours: Collection[str] = ()
    arrived: Arrived | None = None
