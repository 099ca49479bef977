"""What the dataset files of tests have in common: three buckets behind one connection, and names that tell camera and time."""

from typing import Any

CLOCK = {"pattern": r"(?P<time>\d{8}-\d{6})-(?P<camera>[A-Z]+\d+)"}


def dataset_settings(prefix: str, conn_id: str, **sections: Any) -> dict[str, Any]:
    """Make the content of a dataset file over the buckets `<prefix>-images`, `<prefix>-results` and `<prefix>-models`.

    Args:
        prefix: Begins the buckets' names.
        conn_id: The store's connection.
        sections: Further sections, or others in place of these.
    """
    buckets = {"source": "images", "results": "results", "models": "models"}
    return {
        **{section: {"conn_id": conn_id, "bucket": f"{prefix}-{role}"} for section, role in buckets.items()},
        "model": {"name": "demo-fish", "version": "v1"},
        "clock": CLOCK,
        "cluster": {"share": 1.0},
        **sections,
    }
