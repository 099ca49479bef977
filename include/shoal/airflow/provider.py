"""What Airflow's list of providers says about Shoal, and the section [shoal] of Airflow's configuration."""

from typing import Any

NAME = "Shoal"
_ROOM = "shoal.airflow"
_OPERATORS = ("plan_shards", "approve", "shard", "summarize", "continue_run", "end_run", "capacity")
_SENSORS = ("capacity",)
_HOOKS = ("object_store", "cluster")
_TRIGGERS = ("model_release", "arrivals", "shard_pod", "given_answer")


def get_provider_info() -> dict[str, Any]:
    """Describe Shoal as Airflow asks each provider; the entry point `apache_airflow_provider` names this."""
    return {
        "package-name": "shoal",
        "name": NAME,
        "description": "Runs a vision model over every image in a bucket, and keeps the answer up to date.",
        "operators": _modules("operators", _OPERATORS),
        "sensors": _modules("sensors", _SENSORS),
        "hooks": _modules("hooks", _HOOKS),
        "triggers": _modules("triggers", _TRIGGERS),
        # Nothing to normalize: what follows the scheme is a connection, a bucket and a prefix as they are.
        "asset-uris": [{"schemes": ["shoal"], "handler": None}],
        "config": {"shoal": {"description": "Shoal", "options": {"datasets_folder": _DATASETS_FOLDER}}},
    }


_DATASETS_FOLDER = {
    "description": "Folder of dataset files, the same in every component; the variable SHOAL_DATASETS goes before it.",
    "version_added": "0.1.0",
    "type": "string",
    "example": "/opt/airflow/datasets",
    "default": "",
}


def _modules(kind: str, names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{"integration-name": NAME, "python-modules": [f"{_ROOM}.{kind}.{name}" for name in names]}]
