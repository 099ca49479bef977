"""Watches a dataset's images, and says in which folders something came: at most once a minute, whatever comes."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from functools import cached_property, partial
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from shoal.airflow.triggers.aside import Aside
from shoal.airflow.triggers.listener import Listener
from shoal.bucket.arrived import Arrived
from shoal.bucket.newest_folders import Look, find_changed
from shoal.bucket.newest_round import Round
from shoal.contract.errors import ShoalError
from shoal.settings.source import Source
from shoal.stores.object_store import ImageStore

log = logging.getLogger(__name__)

TELL_S = 60.0
"""Seconds between two events, at least; and between two looks where the store tells nobody what comes."""

GATHER_S = 5.0
"""So long the first image of some is waited with for the next ones."""

LOOK_S = 600.0
"""Where the store tells what comes, the newest folders are looked at once in this time all the same."""

LOOK_WITHIN_S = 3600.0
"""A look that takes longer is given up: a share that is away holds who looks for ever. No other look is begun while it does."""

STORED_S = 5.0
"""The triggerer hands its events to Airflow's database every second."""

STEP_S = 0.5

SEEN_KEY = "seen"
"""Key of the asset's state under which lies what the newest folders held that were told of."""


class ArrivalsTrigger(BaseEventTrigger):
    """Fires when images come into a bucket, are written anew or go.

    Where the store sends notifications they say when to look, and name folders that are not among the newest. What the newest
    folders hold is kept in the asset's state, so that what came while nobody listened is found at the start; it is written down
    after the event has reached Airflow's database, so one that is killed in between tells twice. What is there at the very first
    look is no news. An event is only a nudge: the plan lists the folders. Nothing secret is stored with the trigger.

    Args:
        dataset: Its name.
        source: The dataset file's `source`, as JSON.
        tell_s: Seconds between two events, at least.
    """

    def __init__(self, dataset: str, source: dict[str, Any], tell_s: float = TELL_S) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.dataset = dataset
        self.source = source
        self.tell_s = tell_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Name the class and its arguments, for the triggerer."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {name: getattr(self, name) for name in ("dataset", "source", "tell_s")}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Listen and look, for ever; a store that does not answer is asked again."""
        listener = Listener(self._images, self._open)
        listener.start()
        known: Round | None = None
        looks = Aside(f"arrivals of {self.dataset}")
        told_at = float("-inf")
        try:
            while True:
                await looks.free()
                connected = listener.connected
                try:
                    if known is None:
                        known = Round(await self._recall())
                    async with asyncio.timeout(LOOK_WITHIN_S):
                        look = await looks.run(partial(self._look, known))
                    arrived = self._join(listener.gathered.take(), known.seen, look)
                    if arrived.folders or arrived.whole:
                        log.info("Something new in %s", arrived.describe())
                        told_at = time.monotonic()
                        yield TriggerEvent(arrived.to_json())  # type: ignore[no-untyped-call]
                        await asyncio.sleep(STORED_S)
                    before, known = known, known.after(look)
                    say_what_is_not_seen(before, known)
                    if known.seen is not None and known.seen != before.seen:
                        await self._remember(known.seen)
                except TimeoutError:
                    # A share that is away holds the thread: one more each hour would be as many as it is away hours.
                    log.warning(
                        "%s was not looked through in %.0f s; looking again once it gives an answer to that look",
                        self._images.uri,
                        LOOK_WITHIN_S,
                    )
                except ShoalError as err:
                    log.warning("%s; looking again in %.0f s", err, self.tell_s)
                    await asyncio.sleep(self.tell_s)
                except Exception:  # a watcher that ends is not started again
                    log.exception("Cannot look for new images of %s; again in %.0f s", self.dataset, self.tell_s)
                    await asyncio.sleep(self.tell_s)
                await self._wait(listener, connected, told_at, goes_on=known is not None and bool(known.waiting))
        finally:
            listener.stop()

    async def _wait(self, listener: Listener, connected: int, told_at: float, *, goes_on: bool) -> None:
        """Wait until there is a reason to look: an event, a store that tells again, or time; a round of looks is gone on with."""
        looked_at = time.monotonic()
        while True:
            await asyncio.sleep(STEP_S)
            if is_due(
                time.monotonic(),
                looked_at=looked_at,
                told_at=told_at,
                since=listener.gathered.since,
                listens=listener.listens and not goes_on,
                is_new=listener.connected != connected,
                tell_s=self.tell_s,
            ):
                return

    def _join(self, events: Arrived, seen: Mapping[str, str] | None, look: Look) -> Arrived:
        changed = find_changed(seen, look.folders)
        return Arrived.of(self._images.prefix, (*events.folders, *changed), whole=events.whole)

    @cached_property
    def _images(self) -> Source:
        return Source.model_validate(self.source)

    def _open(self) -> ImageStore:
        from shoal.airflow.hooks.object_store import read_access  # noqa: PLC0415 - see the operators' package
        from shoal.settings.dataset_stores import open_source  # noqa: PLC0415

        return open_source(self._images, read_access)

    def _look(self, known: Round) -> Look:
        return known.look(self._open(), self._images)

    async def _recall(self) -> dict[str, str] | None:
        found = await self.asset_state_store.aget(SEEN_KEY) if self.asset_state_store else None
        return {name: str(word) for name, word in found.items()} if isinstance(found, dict) else None

    async def _remember(self, seen: Mapping[str, str]) -> None:
        if self.asset_state_store:
            await self.asset_state_store.aset(SEEN_KEY, dict(seen))


def say_what_is_not_seen(before: Round, known: Round) -> None:
    """Log what a round of looks does not see, or sees late, where that was not said before."""
    if known.said == before.said:
        return
    if known.said:
        log.warning("%s", known.said)
    else:
        log.info("all of the newest folders are looked into")


def is_due(
    now: float, *, looked_at: float, told_at: float, since: float | None, listens: bool, is_new: bool, tell_s: float
) -> bool:
    """Tell whether it is time for a look.

    Args:
        now: By the monotonic clock, as all of these.
        looked_at: When the last look was.
        told_at: When somebody was told last.
        since: When the first event came that nobody was told of; None where there is none.
        listens: Whether the store tells what comes, and no round of looks is under way.
        is_new: Whether it began to tell since the last look.
        tell_s: Seconds between two events.
    """
    if now - told_at < tell_s:
        return False
    if since is not None:
        return now - since >= GATHER_S
    return is_new or now - looked_at >= (LOOK_S if listens else tell_s)
