"""The runs that are not over, in variables of Airflow's: what a run owns outlives the dataset file it was planned from.

Every component of Airflow reads variables, also the DAG processor, which has no database of its own and may see the dataset
files read-only: so a file that was renamed, removed or broken keeps its DAG until its runs have ended (`dags`), and any plan
cleans up after runs that were deleted meanwhile (`plan_shards`). One variable a run: no two tasks write the same.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Variable

from shoal.airflow.supervised import can_ask_airflow
from shoal.contract.errors import one_line
from shoal.contract.stored_json import pick
from shoal.contract.units import utc_text
from shoal.engines.engine import DagRunId
from shoal.settings.results_place import ResultsPlace

log = logging.getLogger(__name__)

PREFIX = "shoal_run_"
"""Of the keys of these variables."""

LINGERS = timedelta(minutes=10)
"""A DAG that went at once would leave its run to a scheduler that has not seen the last task end."""

PLACE = "shoal_results_"
"""Of the keys of the variables that say where each dataset's last run wrote."""

_PLACE_DESCRIPTION = "Where the runs of a Shoal dataset write; kept so that a change of results is noticed."
_DESCRIPTION = "A run of Shoal's that is not over; deleted by a later plan once it is."


@dataclass(frozen=True)
class OpenRun:
    """A run that was planned and has not ended.

    Attributes:
        dag_id: The DAG.
        run_id: Its run.
        settings: The dataset's settings as its plan found them, but for what is never stored.
        cluster: Where its workers are: kind, conn_id and namespace.
        run_key: The run.
        ended_at: When its last task ended; None before.
        elsewhere: Where plans before had its workers, and could not end them yet.
        home: Names the folder of its dataset file, see `bundled`: a DAG file makes the DAGs of its own folder's runs only.
    """

    dag_id: str
    run_id: str
    settings: Mapping[str, Any]
    cluster: Mapping[str, str]
    run_key: str
    ended_at: str | None = None
    elsewhere: tuple[Mapping[str, str], ...] = ()
    home: str = ""

    @property
    def places(self) -> tuple[Mapping[str, str], ...]:
        """Wherever it may have workers."""
        return (self.cluster, *self.elsewhere)

    @property
    def dataset(self) -> str:
        """Name of the dataset."""
        return str(self.settings["name"])

    @property
    def key(self) -> str:
        """Key of its variable."""
        return key_of(self.dag_id, self.run_id)

    def is_over(self, now: datetime) -> bool:
        """Whether nothing of it needs its DAG any more."""
        return self.ended_at is not None and now - datetime.fromisoformat(self.ended_at) > LINGERS


def key_of(dag_id: str, run_id: str) -> str:
    """Name the variable of a Dag run, valid whatever the ids hold; variables are of one Airflow, so it needs no name."""
    return f"{PREFIX}{DagRunId('', dag_id, run_id).name.removeprefix('shoal-')}"


def remember(run: OpenRun) -> None:
    """Write down that a run is about to be planned; what stands in the way is a warning: the run itself needs none of it.

    What a later plan of it wrote stays: a process that stood still goes on as if nothing had happened.
    """
    known = find_open_run(run.dag_id, run.run_id)
    if known is not None and known.run_key > run.run_key:
        log.info("Run %s is not written down as open: %s was planned since", run.run_key, known.run_key)
        return
    try:
        Variable.set(run.key, json.dumps(asdict(run), separators=(",", ":")), description=_DESCRIPTION)
    except Exception as err:  # noqa: BLE001 - Airflow's own errors differ from release to release
        log.warning("Run %s is not written down as open: %s", run.run_key, one_line(err))


def keep_open(run: OpenRun) -> None:
    """Write a run down that begins work, where nothing says that it is open: it had ended, and tasks of it were cleared."""
    known = find_open_run(run.dag_id, run.run_id)
    if known is None or known.ended_at is not None:
        remember(run if known is None else replace(known, ended_at=None))


def mark_ended(dag_id: str, run_id: str) -> None:
    """Write down that a run's last task has done its work."""
    if (run := find_open_run(dag_id, run_id)) is not None:
        remember(replace(run, ended_at=utc_text(datetime.now(UTC))))


def forget(run: OpenRun) -> None:
    """Delete the variable of a run that is over."""
    try:
        Variable.delete(run.key)
    except Exception as err:  # noqa: BLE001
        log.warning("Run %s stays written down as open: %s", run.run_key, one_line(err))


def find_open_run(dag_id: str, run_id: str) -> OpenRun | None:
    """Read what was written down of a Dag run; None where nothing was."""
    return _read(key_of(dag_id, run_id))


def list_open_runs() -> list[OpenRun]:
    """Read the runs that are written down; none where this process cannot ask Airflow."""
    if not can_ask_airflow():
        return []
    try:
        keys = sorted(Variable.keys(prefix=PREFIX))
    except Exception as err:  # noqa: BLE001
        log.warning("Which runs are open cannot be read: %s", one_line(err))
        return []
    return [run for key in keys if (run := _read(key)) is not None]


def remember_place(place: ResultsPlace) -> None:
    """Write down where a dataset's runs write, so that a later one can tell that they wrote elsewhere before."""
    try:
        if find_place(place.dataset) != place:
            Variable.set(f"{PLACE}{place.dataset}", str(place), description=_PLACE_DESCRIPTION)
    except Exception as err:  # noqa: BLE001
        log.warning("Where dataset %s writes is not written down: %s", place.dataset, one_line(err))


def find_place(dataset: str) -> ResultsPlace | None:
    """Read where a dataset's last run wrote; None where nobody knows."""
    try:
        found = Variable.get(f"{PLACE}{dataset}", default="")
        return ResultsPlace.parse(found) if found else None
    except Exception as err:  # noqa: BLE001
        log.debug("Where dataset %s wrote before is not known: %s", dataset, one_line(err))
        return None


def _read(key: str) -> OpenRun | None:
    try:
        found = json.loads(Variable.get(key, default="null"))
        if found is None:
            return None
        return _whole(pick(OpenRun, found))
    except Exception as err:  # noqa: BLE001 - nor is what a later release, or a person, wrote there a reason to fail
        log.warning("Variable %s is not understood: %s - delete it if its run is over", key, one_line(err))
        return None


def _whole(run: OpenRun) -> OpenRun:
    """Find here what could not be told of it later, where it would take all DAGs away."""
    str(run.dataset), run.is_over(datetime.now(UTC))
    return run
