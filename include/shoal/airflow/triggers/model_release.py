"""Watches the versions of one model in the models bucket, and says when one is released."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from shoal.airflow.triggers.aside import aside
from shoal.contract.errors import ShoalError

log = logging.getLogger(__name__)

POLL_S = 20.0
STORED_S = 5.0
"""The triggerer hands its events to Airflow's database every second."""

SEEN_KEY = "seen"
"""Key of the asset's state under which the versions lie that were told of."""


class ModelReleaseTrigger(BaseEventTrigger):
    """Fires when a model file appears or changes, or LATEST does.

    The versions it told of are kept in the asset's state, so that a triggerer that starts again tells of those that came
    meanwhile and of no other. They are written down after the event has reached Airflow's database: one that is killed in
    between tells of the release once more. That starts a run that finds nothing new; the other order would lose a release.

    What is there at the very first look is no release: a dataset that is switched on starts nothing by itself.
    An event is only a nudge: the plan reads the bucket again. Nothing secret is stored with the trigger.

    Args:
        conn_id: Airflow connection of the models bucket.
        bucket: The bucket.
        root: Prefix of the model's versions, ends with a slash.
        poll_s: Seconds between two looks.
    """

    def __init__(self, conn_id: str, bucket: str, root: str, poll_s: float = POLL_S) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.conn_id = conn_id
        self.bucket = bucket
        self.root = root
        self.poll_s = poll_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Name the class and its arguments, for the triggerer."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {name: getattr(self, name) for name in ("conn_id", "bucket", "root", "poll_s")}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look, for ever; a store that does not answer is asked again."""
        seen: dict[str, str] | None = None
        stored: dict[str, str] | None = None
        while True:
            try:
                if seen is None:
                    seen = stored = await self._recall()
                found = await aside(self._list_releases, "releases")
                released, seen = find_released(seen, found), found
                if released:
                    yield TriggerEvent({"model": self.root, "released": released})  # type: ignore[no-untyped-call]
                    await asyncio.sleep(STORED_S)
                if stored != seen:
                    await self._remember(seen)
                    stored = seen
            except ShoalError as err:
                log.warning("%s; looking again in %.0f s", err, self.poll_s)
            except Exception:  # a watcher that ends is not started again
                log.exception("Cannot look for releases below %s; looking again in %.0f s", self.root, self.poll_s)
            await asyncio.sleep(self.poll_s)

    def _list_releases(self) -> dict[str, str]:
        """List the object version (ETag) of every version's file, and of LATEST, by name."""
        from shoal.airflow.hooks.object_store import read_access  # noqa: PLC0415
        from shoal.models.versions import LATEST_OBJECT, read_version  # noqa: PLC0415
        from shoal.stores.kinds import open_store  # noqa: PLC0415 - see the operators' package

        found = {}
        for entry in open_store(read_access(self.conn_id), self.bucket).list_objects(self.root):
            name = LATEST_OBJECT if entry.key == self.root + LATEST_OBJECT else read_version(self.root, entry.key)
            if name:
                found[name] = entry.object_version
        return found

    async def _recall(self) -> dict[str, str] | None:
        found = await self.asset_state_store.aget(SEEN_KEY) if self.asset_state_store else None
        return {name: str(etag) for name, etag in found.items()} if isinstance(found, dict) else None

    async def _remember(self, found: Mapping[str, str]) -> None:
        if self.asset_state_store:
            await self.asset_state_store.aset(SEEN_KEY, dict(found))


def find_released(seen: Mapping[str, str] | None, found: Mapping[str, str]) -> list[str]:
    """Name what appeared or changed; a version that was removed is no release, and neither is what lay there at first.

    Args:
        seen: ETag by name at the last look; None when there was none.
        found: ETag by name now.
    """
    if seen is None:
        return []
    return sorted(name for name, etag in found.items() if seen.get(name) != etag)
