"""One step of `check` by itself."""

from typing import Any

from shoal.engines.engine import open_engine
from shoal.settings.dataset import Dataset


def check_room(api: Any, dataset: Dataset) -> str:
    """What `check` says of a cluster's room."""
    return dict(open_engine(dataset, lambda _: api).check_steps())["room"]()
