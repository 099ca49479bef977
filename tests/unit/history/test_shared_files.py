"""What runs share: `gc` never takes what a kept run or listing names, whoever writes beside it; and what nobody names goes.

The histories are played on a store in memory whose clock the test moves: what stands between two requests of a writer may take
hours, and hundreds of them are played.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shoal.contract.layout import DatasetLayout
from shoal.contract.minted_names import mint_run_key
from shoal.contract.sharing import WRITTEN_WITHIN, may_be_taken
from shoal.contract.stored_names import Kind, read_name
from shoal.history import gc
from shoal.history.gc import delete, survey
from shoal.history.retention import Needs, Stored, Terms, judge
from shoal.stores.json_objects import JsonObjects
from shoal.stores.listed import ListedObject
from shoal.stores.shared_files import SharedFiles

LAYOUT = DatasetLayout("", "reef")
VARIANT = LAYOUT.variant("fish-v1-0123456789ab")
START = datetime(2026, 6, 1, tzinfo=UTC)
KEEP = timedelta(days=5)
HOUR = timedelta(hours=1)


class Memory(JsonObjects):
    """A bucket that remembers when each object was written, by a clock that stands still until it is moved."""

    bucket = "memory"

    def __init__(self):
        self.objects, self.now = {}, START

    def read_clock(self):
        return self.now

    def find_bytes(self, key, most=None):
        return self.objects[key][0] if key in self.objects else None

    def write_bytes(self, key, data, content_type=""):
        self.objects[key] = data, self.now

    def upload(self, path, key, content_type=""):
        self.write_bytes(key, path.read_bytes())

    def has(self, key):
        return key in self.objects

    def list_objects(self, prefix=""):
        return [
            ListedObject(key, "v", len(data), at)
            for key, (data, at) in sorted(self.objects.items())
            if key.startswith(prefix)
        ]

    def delete(self, keys):
        for key in keys:
            self.objects.pop(key, None)

    def list_unfinished_uploads(self, prefix):
        return []


class Dataset:
    """Runs over the months of a bucket; each writes what `list`, `plan` and `summarize` write, request by request."""

    def __init__(self, folder: Path):
        self.results, self.folder = Memory(), folder
        self.runs = {}

    def content(self, table: str, month: int, content: int) -> tuple[str, Path]:
        path = self.folder / f"{content:016x}"
        path.write_bytes(f"{content}".encode())
        name = f"2026-{month + 1:02d}"
        listed = f"{LAYOUT.listings}files/{name}-{content:016x}.parquet"
        return listed if table == "listing" else VARIANT.answer_file("images", name, f"{content:016x}"), path

    def current_keys(self, table: str) -> frozenset[str]:
        current = self.results.find_json(LAYOUT.current)
        if current is None:
            return frozenset()
        if table == "listing":
            return frozenset(file["key"] for file in self.results.read_json(current["listing"])["files"])
        return frozenset(self.results.read_json(VARIANT.run(current["run_key"]).summary)["files"])

    def write(self, contents, *, may_become_current):
        """One run, cut where somebody else may come between."""
        results, run_key = self.results, mint_run_key(self.results.now)
        run = VARIANT.run(run_key)
        named = {}
        for table in ("listing", "images"):
            kept = self.current_keys(table)
            yield
            shared = SharedFiles.look(results, LAYOUT.root, kept)
            yield
            named[table] = []
            for month, content in enumerate(contents):
                key, path = self.content(table, month, content)
                shared.put(path, key)
                named[table].append(key)
                yield
            if table == "listing":
                files = [{"month": None, "key": key, "sha256": None, "images": None} for key in named[table]]
                results.write_json(LAYOUT.listing(run_key), {"format_version": 2, "files": files})
                yield
                results.write_json(
                    run.plan,
                    {"format_version": 2, "listing": LAYOUT.listing(run_key), "may_become_current": may_become_current},
                )
                yield
        results.write_json(run.summary, {"format_version": 2, "complete": True, "files": named["images"], "folder": ""})
        yield
        if may_become_current:
            results.write_json(
                LAYOUT.current,
                {
                    "format_version": 2, "run_key": run_key, "variant": {"sha256": "0", "directory": "fish-v1-0123456789ab"},
                    "model": {"name": "fish", "version": "v1", "key": "k", "sha256": "0"}, "result_sha256": "0" * 64,
                    "listing": LAYOUT.listing(run_key), "listed_at": "2026-06-01T00:00:00Z",
                },
            )  # fmt: skip

    def prune(self):
        """One gc, cut between its look and what it deletes."""
        found = survey(self.results, LAYOUT, Terms(self.results.now, KEEP))
        yield
        delete(self.results, LAYOUT, found)

    def kept(self) -> dict[str, list[str]]:
        """What must be there, by who names it: every run or listing that gc would keep now."""
        found = survey(self.results, LAYOUT, Terms(self.results.now, KEEP))
        objects = [verdict.stored for verdict in found.verdicts if not verdict.goes]
        named = {}
        for entry in objects:
            if entry.name.kind is Kind.LISTING:
                named[entry.key] = [file["key"] for file in self.results.read_json(entry.key)["files"]]
        current = self.results.find_json(LAYOUT.current)
        for entry in objects:
            if entry.name.kind is Kind.SUMMARY:
                young = self.results.now - entry.moment < KEEP
                if young or (current and current["run_key"] == entry.name.run_key):
                    named[entry.key] = self.results.read_json(entry.key)["files"]
        return named


@pytest.fixture(autouse=True, scope="module")
def plans_and_summaries_as_far_as_gc_asks():
    def read_plan(results, key):
        stored = results.read_json(key)
        return SimpleNamespace(
            listing=SimpleNamespace(key=stored["listing"]),
            may_become_current=stored["may_become_current"],
            of_run=None,
            rows_run=key.split("/")[-2],
        )

    def read_summary(results, key):
        stored = results.read_json(key)
        files = tuple(SimpleNamespace(key=file) for file in stored["files"])
        return SimpleNamespace(complete=stored["complete"], scope=SimpleNamespace(full=True), folder="", files=files)

    with (
        patch.object(gc, "read_plan", read_plan), patch.object(gc, "find_plan", read_plan), patch.object(gc, "read_summary", read_summary),
    ):  # fmt: skip
        yield


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.lists(st.integers(0, 1), min_size=1, max_size=1), st.booleans(), st.booleans()),
        st.tuples(st.just("gc"), st.booleans()),
        st.tuples(st.just("on"), st.integers(0, 2), st.integers(1, 8)),
        st.tuples(st.just("hours"), st.sampled_from([1, 11, 13, 25, 24 * 6])),
    ),
    min_size=8,
    max_size=40,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(STEPS)
def test_whatever_comes_between_gc_takes_nothing_that_a_kept_run_names(tmp_path, steps):
    """Runs and prunings at work at once, hours between any two of their requests, but none of a run longer than half a day."""
    dataset, at_work = Dataset(tmp_path), []
    for step in steps:
        if step[0] == "run":
            at_work.append((dataset.write(step[1], may_become_current=step[2]), dataset.results.now, True))
        elif step[0] == "gc":
            at_work.append((dataset.prune(), dataset.results.now, False))
        if step[0] in {"run", "gc"} and step[-1]:  # at once, with nothing between
            list(at_work.pop()[0])
        if step[0] == "on" and at_work:
            work, since, writes = at_work[step[1] % len(at_work)]
            for _ in range(step[2]):
                if next(work, "over") == "over":
                    at_work.remove((work, since, writes))
                    break
        elif step[0] == "hours":
            dataset.results.now += step[1] * HOUR
            # Who would look and name half a day apart has died.
            at_work = [
                (work, since, writes)
                for work, since, writes in at_work
                if not writes or dataset.results.now - since < WRITTEN_WITHIN / 2
            ]
        missing = {
            who: [key for key in keys if key not in dataset.results.objects] for who, keys in dataset.kept().items()
        }
        assert not any(missing.values()), missing
    for work, _, writes in at_work:
        list(work if writes else ())
    missing = {who: [key for key in keys if key not in dataset.results.objects] for who, keys in dataset.kept().items()}
    assert not any(missing.values()), missing


def test_what_nobody_names_goes_after_a_day_and_what_a_kept_run_names_stays_however_old(tmp_path):
    dataset = Dataset(tmp_path)
    list(dataset.write([1, 2], may_become_current=True))
    old, _ = dataset.content("images", 0, 1)
    dataset.results.now += timedelta(days=60)
    list(dataset.write([3, 2], may_become_current=True))
    for hours, there in ((1, True), (25, False)):
        dataset.results.now += hours * HOUR
        list(dataset.prune())
        assert dataset.results.has(old) is there, "an answer's files outlive it by a day"
    assert all(map(dataset.results.has, dataset.current_keys("images") | dataset.current_keys("listing")))


def test_what_is_written_again_while_gc_is_at_work_is_spared(tmp_path):
    dataset = Dataset(tmp_path)
    for contents in ([1], [2]):
        list(dataset.write(contents, may_become_current=True))
        dataset.results.now += timedelta(days=30)
    pruning = dataset.prune()
    next(pruning)
    dataset.results.now += HOUR
    list(dataset.write([1], may_become_current=False))
    list(pruning)
    assert all(map(dataset.results.has, [dataset.content(table, 0, 1)[0] for table in ("listing", "images")]))


def test_gc_lists_again_only_what_lies_with_what_it_is_about_to_delete(tmp_path, monkeypatch):
    """Not the whole dataset for each thousand objects: minutes would lie between the look and the deletion."""
    dataset = Dataset(tmp_path)
    for contents in ([1, 2], [3, 4]):
        list(dataset.write(contents, may_become_current=True))
        dataset.results.now += timedelta(days=30)
    pruning, listed = dataset.prune(), []
    next(pruning)
    list_objects = dataset.results.list_objects
    monkeypatch.setattr(dataset.results, "list_objects", lambda prefix: listed.append(prefix) or list_objects(prefix))
    list(pruning)
    assert not any(dataset.results.has(dataset.content(table, 0, 1)[0]) for table in ("listing", "images"))
    assert sorted(listed) == sorted([f"{LAYOUT.listings}files/", f"{VARIANT.answer}images/"])


def test_what_an_old_run_shares_that_became_the_answer_meanwhile_is_spared(tmp_path):
    """Its summarize was cleared while gc was at work: what it names was not written again."""
    dataset = Dataset(tmp_path)
    list(dataset.write([1], may_become_current=True))
    first = dataset.results.read_json(LAYOUT.current)
    dataset.results.now += timedelta(days=30)
    list(dataset.write([2], may_become_current=True))
    dataset.results.now += timedelta(days=30)
    pruning = dataset.prune()
    next(pruning)
    dataset.results.write_json(LAYOUT.current, first)
    list(pruning)
    assert all(map(dataset.results.has, dataset.current_keys("images") | dataset.current_keys("listing")))
    assert len(dataset.current_keys("images")) == len(dataset.current_keys("listing")) == 1


@pytest.mark.parametrize(
    ("hours", "taken"),
    [(0, False), (11.9, False), (12.1, True), (1000, True)],
    ids=["now", "young", "half a day", "old"],
)
def test_a_writer_stores_again_what_may_be_taken_before_it_has_named_it(hours, taken):
    assert may_be_taken(START, START + hours * HOUR) is taken


@pytest.mark.parametrize(
    ("hours", "needed", "goes", "reason"),
    [
        (23, None, False, "a run may be about to name it"),
        (25, None, True, "no run that is kept names it"),
        (25, "a summary names it: younger than 90d", False, "a summary names it: younger than 90d"),
    ],
    ids=["young", "nobody's", "named"],
)
def test_a_shared_file_goes_or_stays_for_one_reason(tmp_path, hours, needed, goes, reason):
    for table in ("listing", "images"):
        key, _ = Dataset(tmp_path).content(table, 0, 1)
        entry = Stored(key, 1, START, read_name(LAYOUT, key))
        found = judge(entry, Terms(START + hours * HOUR, KEEP), Needs(shared={key: needed} if needed else {}))
        assert (found.goes, found.reason) == (goes, reason)
