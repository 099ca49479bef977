"""What other runs left in a cluster, of whatever dataset and wherever the dataset file had its workers then: any plan ends it."""

import logging
from datetime import UTC, datetime
from functools import partial
from typing import Any

from shoal.airflow.open_runs import OpenRun, forget, list_open_runs
from shoal.airflow.operators.dag_runs import find_state, owner_of
from shoal.airflow.operators.frozen_run import engine_of_run, where_it_works
from shoal.airflow.operators.installation import find_installation
from shoal.contract.errors import one_line
from shoal.engines.engine import DELETED, GONE_S, DagRunId, Owner
from shoal.settings.dataset import Dataset

log = logging.getLogger(__name__)

OVER = {"success", "failed", DELETED}


def end_left_behind(instance: Any, dataset: Dataset, earlier: OpenRun | None) -> None:
    """End what a cleared plan of the same run has elsewhere, and what runs that are over have anywhere.

    What stands in the way is a warning: the next plan tries again.

    Args:
        instance: The task instance of `plan`.
        dataset: The settings it plans with.
        earlier: What an earlier plan of this run wrote down; None where there was none.
    """
    if earlier is not None and dict(earlier.cluster) != where_it_works(dataset):
        _end(earlier, lambda: owner_of(instance), GONE_S)
    for run in list_open_runs():
        own = (run.dag_id, run.run_id) == (instance.dag_id, instance.run_id)
        if own or find_state(instance, run.dag_id, run.run_id) not in OVER:
            continue
        if run.ended_at is None and not _end(run, partial(_owner, run), 0):
            continue
        # A DAG without a file lingers until its scheduler has seen its last run end.
        if run.ended_at is None or run.is_over(datetime.now(UTC)):
            forget(run)


def _owner(run: OpenRun) -> DagRunId:
    return DagRunId(find_installation(), run.dag_id, run.run_id)


def _end(run: OpenRun, owner: Owner, wait_s: float) -> bool:
    try:
        if deleted := engine_of_run(run.settings, run.cluster).end(owner, wait_s):
            log.info("run %s of %s: %s", run.run_id, run.dag_id, deleted)
    except Exception as err:  # noqa: BLE001 - a plan is not to fail for what another run left
        log.warning("What run %s of %s left is not deleted now: %s", run.run_id, run.dag_id, one_line(err))
        return False
    return True
