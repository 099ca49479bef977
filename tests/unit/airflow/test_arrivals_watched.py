"""The watcher of images that arrive: when it looks, what it tells, and what a flood of events costs."""

import asyncio
import threading
from types import SimpleNamespace

import pytest
from airflow.sdk import Asset, AssetAny, AssetOrTimeSchedule, CronTriggerTimetable

from dataset_settings import dataset_settings
from shoal.airflow.assets import arrivals_asset, arrivals_uri
from shoal.airflow.operators.run_conf import find_arrived, only_notices, when_to_ask
from shoal.airflow.schedule import reanalyse_schedule
from shoal.airflow.triggers.arrivals import LOOK_S, TELL_S, ArrivalsTrigger, is_due
from shoal.airflow.triggers.listener import Gathered, Listener
from shoal.bucket.arrived import Arrived
from shoal.bucket.newest_folders import Look
from shoal.contract.errors import NoEventsError, StoreError
from shoal.models.approval import Asks
from shoal.settings.dataset import Dataset
from shoal.settings.source import Source
from waiting import wait_until

SOURCE = Source(conn_id="s3", bucket="fish", prefix="cam", ignore=["trash/"], events=True)
DATASET = Dataset.model_validate({"name": "reef", **dataset_settings("site", "s3")})
DATASET = DATASET.model_copy(update={"source": DATASET.source.model_copy(update={"events": True})})


class Bucket:
    """Tells what it is given, one connection after the other; then it says that it tells nothing."""

    def __init__(self, *connections):
        self.connections = list(connections)

    def listen(self, prefix):
        assert prefix == "cam"
        if not self.connections:
            raise NoEventsError("http://store tells nobody")
        yield None
        yield from self.connections.pop(0)
        raise StoreError("http://store ended the notifications")


def test_ten_thousand_events_are_one_word():
    gathered = Gathered(SOURCE)
    for number in range(10_000):
        gathered.add(f"cam/{number % 300}/{number}.jpg")
    assert len(gathered._folders) == 0
    assert gathered.take() == Arrived(whole=True)
    assert (gathered.take(), gathered.since) == (Arrived(), None)


def test_events_of_others_and_of_ignored_keys_are_dropped():
    gathered = Gathered(SOURCE)
    for key in ("dog/1.jpg", "cam/1/notes.txt", "cam/trash/1.jpg"):
        gathered.add(key)
    assert gathered.since is None
    gathered.add("cam1/ü 1.JPG")
    assert gathered.take() == Arrived(("cam1/",))


def test_a_connection_that_breaks_off_is_made_anew_until_the_store_says_that_it_tells_nothing(caplog):
    caplog.set_level("INFO")
    bucket = Bucket(["cam/1/1.jpg", None], ["cam/2/1.jpg"])
    listener = Listener(SOURCE, lambda: bucket, (0.0, 0.0))
    listener.start()
    wait_until(lambda: "the newest folders of s3://fish/ are listed each minute" in caplog.text)
    listener.stop()
    assert (listener.connected, listener.listens) == (2, False)
    assert listener.gathered.take() == Arrived(("cam/1/", "cam/2/"))


@pytest.mark.parametrize(
    ("state", "due"),
    [
        pytest.param({"since": 994.0}, True, id="an event that was waited with"),
        pytest.param({"since": 998.0}, False, id="an event just now"),
        pytest.param({"since": 994.0, "told_at": 1000 - TELL_S / 2}, False, id="told half a minute ago"),
        pytest.param({"since": 994.0, "told_at": 1000 - TELL_S}, True, id="told a minute ago"),
        pytest.param({}, False, id="nothing, and the store would tell"),
        pytest.param({"looked_at": 1000 - TELL_S}, False, id="a minute without a look where it would"),
        pytest.param({"looked_at": 1000 - TELL_S, "listens": False}, True, id="a minute where it tells nothing"),
        pytest.param({"looked_at": 1000 - LOOK_S}, True, id="ten minutes without a look"),
        pytest.param({"is_new": True}, True, id="it began to tell"),
    ],
)
def test_when_there_is_a_reason_to_look(state, due):
    usual = {"looked_at": 990.0, "told_at": 0.0, "since": None, "listens": True, "is_new": False, "tell_s": TELL_S}
    assert is_due(1000.0, **{**usual, **state}) is due


class Remembered:
    """The asset's state, which outlives a triggerer."""

    def __init__(self):
        self.kept = {}

    async def aget(self, key):
        return self.kept.get(key)

    async def aset(self, key, value):
        self.kept[key] = value


def watcher(looks, state=None, **source):
    """A watcher that looks in another way, over a store that tells nothing."""
    trigger = ArrivalsTrigger("reef", {**SOURCE.model_dump(mode="json"), **source}, tell_s=0.05)
    trigger.asset_state_store = state
    remaining = iter(looks)

    def look(known):
        del known
        found = next(remaining)
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, Look) else Look(found, ())

    trigger._look, trigger._open = look, Bucket
    return trigger


async def first_event(trigger):
    run = trigger.run()
    try:
        return (await anext(run)).payload
    finally:
        await run.aclose()


@pytest.mark.parametrize("error", [StoreError("no answer"), ValueError("anything else")], ids=["known", "unknown"])
def test_what_lies_there_at_first_is_no_news_and_a_look_that_fails_is_repeated(error):
    looks = [{"cam/1/": "a"}, error, {"cam/1/": "a", "cam/2/": "b"}]
    assert asyncio.run(first_event(watcher(looks))) == {"folders": ["cam/2/"], "whole": False}


def test_where_it_takes_several_looks_what_lies_there_at_first_is_no_news_either_and_that_is_said(caplog):
    looks = [Look({"cam/1/": "a"}, (), (("cam/2/", True),)), {"cam/2/": "b"}, {"cam/1/": "a", "cam/2/": "c"}]
    assert asyncio.run(first_event(watcher(looks, state := Remembered()))) == {"folders": ["cam/2/"], "whole": False}
    assert [record.levelname for record in caplog.records if "looked through in 2 looks" in record.message] == [
        "WARNING"
    ]
    assert state.kept["seen"] == {"cam/1/": "a", "cam/2/": "b"}


def test_a_look_that_hangs_is_given_up_once_and_has_no_other_beside_it(monkeypatch, caplog):
    monkeypatch.setattr("shoal.airflow.triggers.arrivals.LOOK_WITHIN_S", 0.2)
    trigger, hung, begun = watcher([{"cam/9/": "late"}, {"cam/1/": "a"}, {"cam/1/": "b"}]), threading.Event(), []
    answer = trigger._look

    def hang(known):
        begun.append(threading.current_thread())
        if len(begun) == 1:
            hung.wait(60)
            monkeypatch.setattr("shoal.airflow.triggers.arrivals.LOOK_WITHIN_S", 60)  # none of the others hangs
        return answer(known)

    async def come_back_after_a_while():
        while "was not looked through" not in caplog.text:  # noqa: ASYNC110 - a log sets no event
            await asyncio.sleep(0.05)
        await asyncio.sleep(2.5)  # in which another look would begin
        hung.set()

    async def share_that_is_away_for_a_while():
        returning = asyncio.create_task(come_back_after_a_while())
        found = await asyncio.wait_for(first_event(trigger), 120)
        await returning
        return found

    trigger._look = hang
    assert asyncio.run(share_that_is_away_for_a_while()) == {"folders": ["cam/1/"], "whole": False}
    assert len([record for record in caplog.records if "was not looked through" in record.message]) == 1
    assert not begun[0].is_alive()
    assert len(begun) == 3


def test_what_came_while_nobody_watched_is_told_at_the_start():
    state = Remembered()
    state.kept["seen"] = {"cam/1/": "a", "cam/0/": "gone"}
    assert asyncio.run(first_event(watcher([{"cam/1/": "b"}], state))) == {"folders": ["cam/1/"], "whole": False}
    assert state.kept["seen"]["cam/1/"] == "a", "written down once Airflow has the event"


def test_a_watcher_that_ends_listens_no_more():
    asyncio.run(first_event(watcher([{}, {"cam/1/": "a"}])))
    for thread in threading.enumerate():
        if thread.name.startswith("events of"):
            thread.join(60)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("events of")]


def test_a_trigger_is_stored_with_names_alone():
    path, arguments = ArrivalsTrigger("reef", SOURCE.model_dump(mode="json")).serialize()
    assert path == "shoal.airflow.triggers.arrivals.ArrivalsTrigger"
    assert arguments["source"]["conn_id"] == "s3"
    assert set(arguments["source"]) == {"conn_id", "bucket", "events", "prefix", "suffixes", "ignore"}
    assert [watch.trigger.serialize()[0] for watch in arrivals_asset(DATASET).watchers] == [path]


@pytest.mark.parametrize(
    ("run", "watch", "kind", "uris"),
    [
        pytest.param({}, False, list, ["shoal://reef/arrivals"], id="images alone"),
        pytest.param({"schedule": "0 2 * * *"}, False, AssetOrTimeSchedule, ["shoal://reef/arrivals"], id="and the night"),
        pytest.param(
            {"schedule": "0 2 * * *"}, True, AssetOrTimeSchedule,
            ["shoal://reef/arrivals", "shoal://s3/site-models/demo-fish"], id="and a release, of which each starts a run",
        ),
    ],
)  # fmt: skip
def test_what_starts_a_run_of_its_dag(run, watch, kind, uris):
    dataset = DATASET.model_copy(
        update={
            "run": DATASET.run.model_copy(update=run),
            "model": DATASET.model.model_copy(update={"watch": watch}),
        }
    )
    schedule = reanalyse_schedule(dataset)
    asked = schedule.asset_condition if kind is AssetOrTimeSchedule else schedule
    assert isinstance(schedule, kind)
    assert sorted(asset.uri for asset in getattr(asked, "objects", asked)) == uris
    assert len(uris) == 1 or isinstance(asked, AssetAny)


def test_the_night_is_in_utc_whatever_airflow_is_set_to():
    update = {
        "run": DATASET.run.model_copy(update={"schedule": "0 2 * * *"}),
        "model": DATASET.model.model_copy(update={"watch": False}),
        "source": DATASET.source.model_copy(update={"events": False}),
    }
    night = reanalyse_schedule(DATASET.model_copy(update=update))
    assert isinstance(night, CronTriggerTimetable)
    assert (night.expression, str(night.timezone)) == ("0 2 * * *", "UTC")


def run_by(*events, asset=None, started="asset_triggered"):
    uri = arrivals_uri("reef") if asset is None else asset
    told = {Asset(uri): [SimpleNamespace(extra=extra) for extra in events]}
    return {"dag_run": SimpleNamespace(run_type=started, run_id="x"), "triggering_asset_events": told}


WATCHED = {"from_trigger": True, "payload": {"folders": ["a/"], "whole": False}}


@pytest.mark.parametrize(
    ("context", "arrived"),
    [
        pytest.param(run_by(WATCHED), Arrived(("a/",)), id="the watcher"),
        pytest.param(
            run_by(WATCHED, {"from_rest_api": True, "folders": ["b/"]}),
            Arrived(("a/", "b/")),
            id="and somebody by the REST API",
        ),
        pytest.param(run_by({"from_rest_api": True}), Arrived(whole=True), id="without a folder"),
        pytest.param(run_by(WATCHED, asset="shoal://s3/models/reef"), None, id="a release"),
        pytest.param(run_by(WATCHED, started="scheduled"), None, id="the schedule"),
    ],
)
def test_what_started_a_run(context, arrived):
    assert find_arrived(context, DATASET) == arrived
    assert (when_to_ask(context, DATASET) is Asks.NEVER) == (arrived is not None or "scheduled" in str(context))
    assert only_notices(context, DATASET) == (arrived is None and "scheduled" not in str(context))
