"""What other runs left in a cluster, of whatever dataset and wherever the dataset file had its workers then: any plan ends it."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from shoal.airflow.open_runs import OpenRun, forget, list_open_runs
from shoal.airflow.operators.dag_runs import find_state, owner_of
from shoal.airflow.operators.frozen_run import engine_of_run
from shoal.airflow.operators.installation import find_installation
from shoal.contract.errors import one_line
from shoal.engines.engine import DELETED, GONE_S, DagRunId, Owner

log = logging.getLogger(__name__)

OVER = {"success", "failed", DELETED}


def end_moved(instance: Any, earlier: OpenRun, here: Mapping[str, str]) -> tuple[Mapping[str, str], ...]:
    """End what earlier plans of the same run have in other places; return where that was not possible.

    Args:
        instance: The task instance of `plan`.
        earlier: What an earlier plan of this run wrote down.
        here: Where this plan has its workers, as `where_it_works` says it.
    """
    others = [place for place in earlier.places if dict(place) != dict(here)]
    return tuple(place for place in others if not _end(earlier, place, lambda: owner_of(instance), GONE_S))


def end_left_behind(instance: Any) -> None:
    """End what runs that are over have anywhere.

    What stands in the way is a warning: the next plan tries again, until somebody says that the place is gone.

    Args:
        instance: The task instance of `plan`.
    """
    for run in list_open_runs():
        own = (run.dag_id, run.run_id) == (instance.dag_id, instance.run_id)
        if own or find_state(instance, run.dag_id, run.run_id) not in OVER:
            continue
        if run.ended_at is None:
            ended = [
                _end(run, place, partial(_owner, run), 0, _give_up(run)) for place in run.places
            ]  # each, also behind one that fails
            if not all(ended):
                continue
        # A DAG without a file lingers until its scheduler has seen its last run end.
        if run.ended_at is None or run.is_over(datetime.now(UTC)):
            forget(run)


def _owner(run: OpenRun) -> DagRunId:
    return DagRunId(find_installation(), run.dag_id, run.run_id)


def _give_up(run: OpenRun) -> str:
    return f" - the next plan tries again; where that place is gone for good: airflow variables delete {run.key}"


def _end(run: OpenRun, place: Mapping[str, str], owner: Owner, wait_s: float, way_out: str = "") -> bool:
    try:
        if deleted := engine_of_run(run.settings, place).end(owner, wait_s):
            log.info("what run %s of %s left: %s", run.run_id, run.dag_id, deleted)
    except Exception as err:  # noqa: BLE001 - a plan is not to fail for what another run left
        log.warning("What run %s of %s left is not deleted now: %s%s", run.run_id, run.dag_id, one_line(err), way_out)
        return False
    return True
