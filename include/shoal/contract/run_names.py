"""Names of DAGs and runs: built and read here, nowhere else."""

CHECK_DAG_ID = "check"
"""Plans and owns the sample that `python -m shoal check` runs; no Airflow knows of it."""

_REANALYSE, _BACKFILL, _BROKEN = "reanalyse_", "backfill_", "broken_"
_CONTINUATION = "continue__"


def reanalyse_dag_id(dataset: str) -> str:
    """Name the DAG that brings a dataset's answer up to date."""
    return f"{_REANALYSE}{dataset}"


def backfill_dag_id(dataset: str) -> str:
    """Name the DAG for months of capture time, and for chains that hold up no night."""
    return f"{_BACKFILL}{dataset}"


def broken_dag_id(dataset_file: str) -> str:
    """Name the DAG that stands in for a dataset file that cannot be used.

    Args:
        dataset_file: Its name without the ending, which may be no name of a DAG.
    """
    return f"{_BROKEN}{''.join(c if c.isalnum() or c in '_-.' else '_' for c in dataset_file)}"


def dataset_of(dag_id: str) -> str | None:
    """Read the dataset a DAG works on; None for one that stands in for a broken file, for `check` and for others'."""
    for beginning in (_REANALYSE, _BACKFILL):
        if dag_id.startswith(beginning) and dag_id != beginning:
            return dag_id.removeprefix(beginning)
    return None


def may_move_answer(dag_id: str) -> bool:
    """Whether runs of a DAG may become a dataset's answer."""
    return dag_id.startswith(_REANALYSE)


def continuation_run_id(run_key: str) -> str:
    """Name the Dag run that goes on with what a run left: after its plan, so that it is started once."""
    return f"{_CONTINUATION}{run_key}"


def is_continuation(run_id: str) -> bool:
    """Whether a Dag run goes on with what another left."""
    return run_id.startswith(_CONTINUATION)
