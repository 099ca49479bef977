"""The watcher of releases and the triggerer it runs in: one that is told to stop is not held."""

import asyncio
import threading
import time

import pytest

from shoal.airflow.triggers.model_release import ModelReleaseTrigger
from shoal.contract.errors import StoreError
from waiting import wait_until


def watcher(look, poll_s=0.01):
    """A watcher that looks in another way."""
    trigger = ModelReleaseTrigger("models", "bucket", "reef/", poll_s)
    trigger.asset_state_store = None
    trigger._list_releases = look
    return trigger


async def first_event(trigger):
    return (await anext(trigger.run())).payload


def test_a_triggerer_that_stops_in_the_middle_of_a_look_is_not_held():
    """The look asks the triggerer for a connection, which a triggerer that stops does not answer."""
    begun, ended = threading.Event(), threading.Event()

    def never_answered():
        begun.set()
        ended.wait(60)

    async def stop_while_it_looks():
        watching = asyncio.create_task(first_event(watcher(never_answered)))
        await asyncio.to_thread(begun.wait, 30)
        watching.cancel()

    began = time.monotonic()
    asyncio.run(stop_while_it_looks())
    assert time.monotonic() - began < 45
    ended.set()


def test_a_look_that_ends_after_the_triggerer_harms_nobody(monkeypatch):
    raised = []
    monkeypatch.setattr(threading, "excepthook", lambda args: raised.append(args.exc_value))
    begun, answered = threading.Event(), threading.Event()

    def late():
        begun.set()
        answered.wait(60)
        return {"v1": "a"}

    async def stop_while_it_looks():
        watching = asyncio.create_task(first_event(watcher(late)))
        await asyncio.to_thread(begun.wait, 30)
        watching.cancel()

    asyncio.run(stop_while_it_looks())
    answered.set()
    wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name == "releases"])
    assert raised == []


@pytest.mark.parametrize("error", [StoreError("no answer"), ValueError("anything else")], ids=["known", "unknown"])
def test_a_look_that_fails_is_repeated(error):
    looks = iter([{"v1": "a"}, error, {"v1": "a", "v2": "b"}])

    def look():
        found = next(looks)
        if isinstance(found, Exception):
            raise found
        return found

    assert asyncio.run(first_event(watcher(look))) == {"model": "reef/", "released": ["v2"]}
