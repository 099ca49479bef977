"""A run's parameters: what a person or a backfill said, and for a backfill the window of its month."""

from typing import Any

from airflow.sdk import Context

from shoal.run_params import RunParams

BACKFILL = "backfill"


def read_params(context: Context) -> RunParams:
    """Read and check a run's parameters; a run of Airflow's backfill looks at its data interval.

    The interval counts only there: Airflow gives one to every run with a logical date, also to one a person triggers.

    Raises:
        ConfigError: One line naming the first bad parameter.
    """
    given: dict[str, Any] = dict(context["params"])
    dag_run = context["dag_run"]
    if dag_run.run_type == BACKFILL and dag_run.data_interval_start and dag_run.data_interval_end:
        given |= {"window_start": dag_run.data_interval_start, "window_end": dag_run.data_interval_end}
    return RunParams.parse(given)
