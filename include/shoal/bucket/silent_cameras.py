"""A camera that sends nothing is news: which are silent for longer than `run.expect_new_within`."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shoal.contract.errors import shown
from shoal.contract.units import utc_text
from shoal.settings.dataset import Dataset
from shoal.tables.session import Database


@dataclass(frozen=True)
class Silent:
    """Something that should have sent images.

    Attributes:
        camera: The camera; None is the dataset as a whole.
        newest: When its newest image was taken (an undated one: last modified), UTC; None when it never sent any.
    """

    camera: str | None
    newest: datetime | None

    def describe(self, dataset: Dataset) -> str:
        """Say it in one line."""
        who = f"camera {shown(self.camera)}" if self.camera is not None else f"dataset {dataset.name}"
        since = f"since {utc_text(self.newest)}" if self.newest else "at all"
        hours = dataset.run.expect_new_within or timedelta()
        return f"no image of {who} {since} - expected within {hours.total_seconds() / 3600:g} h (run.expect_new_within)"

    def to_json(self) -> dict[str, Any]:
        """Write one entry of `silent` in plan.json."""
        return {"camera": self.camera, "newest_image": self.newest and utc_text(self.newest)}


def find_silent(database: Database, dataset: Dataset, now: datetime) -> tuple[Silent, ...] | None:
    """Look at the whole listing for what is silent; None where the dataset file expects nothing.

    A camera counts where `clock.pattern` finds it in dated keys, until its last deployment has ended; one with a deployment
    under way counts from its start, also without any image.

    Reads: times

    Args:
        database: A session with the times of a listing that is not narrowed to a window.
        dataset: The dataset.
        now: When everything in the listing was listed.
    """
    if dataset.run.expect_new_within is None:
        return None
    limit = now.astimezone(UTC).replace(tzinfo=None) - dataset.run.expect_new_within
    newest = {
        record["camera"]: record["newest"]
        for record in database.records(
            "SELECT CASE WHEN was_told(captured_at, clock_flag) THEN camera END AS camera, "
            "max(coalesce(captured_at, stored_at)) AS newest FROM times GROUP BY ALL"
        )
    }
    whole = max(newest.values(), default=None)
    newest.pop(None, None)
    if not dataset.clock.tells_cameras:
        newest = {}
    for camera, expected in _deployed(dataset, now, limit).items():
        if not expected:
            newest.pop(camera, None)
        else:
            newest.setdefault(camera, None)
    found = [Silent(None, whole), *(Silent(camera, newest[camera]) for camera in sorted(newest))]
    return tuple(silent for silent in found if silent.newest is None or silent.newest < limit)


def _deployed(dataset: Dataset, now: datetime, limit: datetime) -> dict[str, bool]:
    """Tell of each camera with deployments whether images are expected of it: one is under way, since before the limit."""
    expected: dict[str, bool] = {}
    for stay in dataset.deployments:
        start, end = stay.span
        expected[stay.camera] = expected.get(stay.camera, False) or (start <= limit.replace(tzinfo=UTC) and now < end)
    return expected
