"""Where a dataset's workers run, as Airflow reaches it."""

from typing import Any

from shoal.engines.engine import Engine, open_engine
from shoal.settings.dataset import Dataset


def engine_of(dataset: Dataset) -> Engine:
    """Open a dataset's engine; its cluster is reached by the Airflow connection it names, when it is needed."""
    return open_engine(dataset, connect)


def connect(conn_id: str) -> Any:
    """Open a cluster by an Airflow connection; the provider takes seconds to import, and a machine has no cluster."""
    from shoal.airflow.hooks import cluster  # noqa: PLC0415

    return cluster.connect(conn_id)
