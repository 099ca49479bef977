"""What a dataset file says otherwise than it did when a run was planned, in words."""

from collections.abc import Iterator, Mapping
from typing import Any

from shoal.contract.errors import shown
from shoal.settings.dataset import Dataset

MOST_CHANGES = 4
LONGEST = 60
"""Characters of one value."""

UNSHOWN = {"cluster.pod.template", "description"}
"""Named only: one may hold anything, also what is no matter of logs, the other says nothing of a run."""

UNSTORED = {"alerts": {"notifiers": {"__all__": {"arguments"}}}}
"""What is stored of no dataset file: arguments of notifiers are for the notifier alone."""


def stored_settings(dataset: Dataset) -> dict[str, Any]:
    """Write settings as plans store them."""
    return dataset.model_dump(mode="json", exclude=UNSTORED)


def tell_changes(planned: Dataset, now: Dataset) -> str:
    """Say what was changed since a run was planned; empty where nothing was.

    Args:
        planned: The settings that the plan froze; the run goes on with them.
        now: Those of the dataset file.
    """
    differences = tell_differences(planned, now)
    return f"changed since this run was planned: {differences}" if differences else ""


def tell_differences(before: Dataset, now: Dataset) -> str:
    """Say in which settings two dataset files differ; empty where they do not."""
    changes = list(_changes(stored_settings(before), stored_settings(now)))
    more = f" and {len(changes) - MOST_CHANGES} more" if len(changes) > MOST_CHANGES else ""
    return f"{', '.join(changes[:MOST_CHANGES])}{more}"


def _changes(before: Mapping[str, Any], now: Mapping[str, Any], where: str = "") -> Iterator[str]:
    for name in sorted({*before, *now}):
        old, new = before.get(name), now.get(name)
        if f"{where}{name}" in UNSHOWN:
            if old != new:
                yield f"{where}{name}"
        elif isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _changes(old, new, f"{where}{name}.")
        elif old != new:
            yield f"{where}{name} {_value(old)} -> {_value(new)}"


def _value(value: Any) -> str:
    return "none" if value is None or value == "" else shown(str(value), LONGEST)
