"""Whether Airflow answers this process: in tasks, the DAG processor and the triggerer it does, through their supervisor."""


def can_ask_airflow() -> bool:
    """Tell whether variables and XComs can be asked for here; in any other process that would open a database."""
    from airflow.sdk.execution_time import task_runner  # noqa: PLC0415 - a command has no need of it

    return getattr(task_runner, "SUPERVISOR_COMMS", None) is not None
