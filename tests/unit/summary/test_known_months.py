"""Months that are named again: always the files that writing all of them gives, whatever happened in the nights between."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seeds import CHOSEN
from shoal.contract.hashing import canonical_sha256
from shoal.contract.layout import VariantLayout
from shoal.contract.rows import LISTING_COLUMNS, ROW_COLUMNS, ddl
from shoal.settings.analysis import Clock, ClockEntry, Report, Taxon, Usable
from shoal.settings.dataset import Dataset, Model, Models, Results
from shoal.settings.deployments import Deployment
from shoal.settings.run_form import RunParams
from shoal.settings.source import Source
from shoal.stores.listed import ListedObject
from shoal.stores.shared_files import SharedFiles
from shoal.summary import tables as summary_tables
from shoal.summary.answer_tables import answer_tables
from shoal.summary.known_months import find_known_months, lines_to_json, read_lines
from shoal.summary.months import cut_tables
from shoal.tables.session import open_database

LAYOUT = VariantLayout("fish/demo-fish-v1-0123456789ab/")
NAMES = ("Diplodus vulgaris", "Chromis chromis", "Coris julis")
NOW = datetime(2026, 9, 1, tzinfo=UTC)
MONTHS = ("2026-05", "2026-06", "2026-07")

KEYS = (
    "C1/20260531-233000-C1.jpg", "C1/20260601-003000-C1.jpg", "C1/20260601-003000-C1-again.jpg", "C1/20260715-120000-C1.jpg",
    "C2/20260510-120000-C2.jpg", "C2/20260615-120000-C2.jpg", "C1/no date.jpg", "C2/ohne Datum é.jpg",
)  # fmt: skip
"""Two cameras over three months; times around a month's end, a moment twice, and names without a time."""

SETTINGS = (
    {},
    {"taxa": {"Coris julis": Taxon(merge_into="Chromis chromis"), "Diplodus vulgaris": Taxon(conf=0.6)}},
    {"taxa": {"Coris julis": Taxon(role="exclude_image")}, "report": Report(zone="Europe/Madrid")},
    {"deployments": (Deployment(name="reef", camera="C1", start="2026-05-01T00:00:00Z", end="2026-06-10T00:00:00Z"),)},
    {"clock": Clock(unique=False)},
)

PUT = st.fixed_dictionaries({
    "content": st.sampled_from("ab"),
    "modified": st.sampled_from(MONTHS),
    "exif": st.none() | st.sampled_from(MONTHS),
    "failed": st.booleans(),
    "fish": st.lists(st.tuples(st.integers(0, 2), st.sampled_from((0.3, 0.5, 0.9))), max_size=3),
    "luma": st.sampled_from((10.0, 100.0)),
})  # fmt: skip
KEY = st.sampled_from(KEYS)
NEWS = st.one_of(
    st.tuples(st.just("put"), KEY, PUT),  # new, or changed: other bytes under the same name
    st.tuples(st.just("remove"), KEY, st.none()),
    st.tuples(st.just("redate"), KEY, st.sampled_from(MONTHS)),  # the same bytes, stored again
    st.tuples(st.just("retry"), KEY, PUT),  # another row, of this night
    st.tuples(st.just("late"), KEY, PUT),  # another row, of a run before all nights, whose part was found late
)
NIGHTS = st.lists(st.tuples(st.integers(0, 4) | st.just(0), st.lists(NEWS, max_size=3)), min_size=1, max_size=4)


def dataset_of(number):
    asked = {
        "clock": Clock(unique=True, others=(ClockEntry(exif=True),)),
        "usable": Usable(luma_min=25),
        **SETTINGS[number],
    }
    return Dataset(
        name="fish", source=Source(conn_id="s", bucket="images"), models=Models(conn_id="m", bucket="models"),
        results=Results(conn_id="r", bucket="results"), model=Model(name="demo-fish"), **asked,
    )  # fmt: skip


class World:
    """A bucket and the rows of its images, night after night."""

    def __init__(self):
        self.night, self.versions, self.listed, self.rows = 0, 0, {}, []

    def happen(self, what, key, given):
        if what == "put":
            self.versions += 1
            self.listed[key] = (f"v{self.versions}", given["modified"], given)
            self._row(key, given, f"2026010{self.night}T000000Z-abcdefgh")
        elif key not in self.listed:
            return
        elif what == "remove":
            del self.listed[key]
        elif what == "redate":
            self.happen("put", key, {**self.listed[key][2], "modified": given})
        else:
            run = f"2026010{self.night}T000000Z-abcdefgh" if what == "retry" else "20250101T000000Z-abcdefgh"
            self._row(key, {**self.listed[key][2], "fish": given["fish"], "failed": given["failed"]}, run)

    def _row(self, key, given, run_key):
        boxes = [
            {"class_id": n, "confidence": c, "x1": 10.0 * i, "y1": 0.0, "x2": 10.0 * i + 20, "y2": 30.0}
            for i, (n, c) in enumerate(given["fish"])
        ]
        taken = given["exif"] and datetime.fromisoformat(f"{given['exif']}-20T06:00:00")
        seen = (
            {"status": "failed", "reason": "truncated"}
            if given["failed"]
            else {"status": "processed", "detections": boxes}
        )
        self.rows.append({
            "key": key, "object_version": self.listed[key][0], "size_bytes": 1, "content_sha256": given["content"] * 64, "width": 64,
            "height": 48, "exif": taken and {"local_time": taken, "offset_minutes": None, "make": None, "model": None, "serial": None},
            "luma_mean": given["luma"], "luma_std": 1.0, "sharpness": 50.0, "max_det_reached": False, "version_checked": True,
            "seconds": 0.1, "run_key": run_key, "attempt": f"attempt{len(self.rows) % 10}", **seen,
        })  # fmt: skip


def insert(database, table, columns, records):
    database.run(f"CREATE OR REPLACE TABLE {table} ({ddl(columns)})")
    for record in records:
        names = ", ".join(f"?::{columns[name]} AS {name}" for name in record)
        database.run(f"INSERT INTO {table} BY NAME SELECT {names}", list(record.values()))


def load(world, database, *_):
    insert(database, "listing", LISTING_COLUMNS, [
        {"key": key, "object_version": version, "size_bytes": 1, "last_modified": datetime.fromisoformat(f"{modified}-25")}
        for key, (version, modified, _) in sorted(world.listed.items())
    ])  # fmt: skip


def view(world, database, *_):
    insert(database, "stored_rows", ROW_COLUMNS, world.rows)
    database.run_file("rows")


class Answer:
    """What a night leaves to the next one."""

    def __init__(self, world, plan, rules, known):
        """Build the tables as summarize does; write all months, and those that are not known."""
        with pytest.MonkeyPatch.context() as patch, open_database(None) as database:
            patch.setattr(type(database), "results", None)
            patch.setattr(summary_tables, "find_files", lambda *_: [])
            patch.setattr(summary_tables, "load_images", lambda *given: load(world, *given))
            patch.setattr(summary_tables, "view_sources", lambda *given: view(world, *given))
            summary_tables.build_tables(database, plan, None, None)
            tables = answer_tables(plan)
            self.files = [month.file for month in cut_tables(database, LAYOUT, tables)]
            self.lines = read_lines(database, tables, rules)
            self.known = find_known_months(self.lines, known and known.as_known(), plan, known and known.shared())
            again = [file for months in self.known.values() for file in months.values()]
            self.stored = [*again, *(month.file for month in cut_tables(database, LAYOUT, tables, self.known))]
        self.run_key = plan.run_key

    def shared(self):
        present = {file.key: ListedObject(file.key, "", file.bytes, NOW) for file in self.files}
        return SharedFiles(None, present, NOW)

    def as_known(self, **changed):
        told = {
            "complete": True, "by_month": True, "result": {}, "result_sha256": canonical_sha256({}), "tables": tuple(self.files),
            "run": {"lines": lines_to_json(self.lines)}, **changed,
        }  # fmt: skip
        return SimpleNamespace(run_key=self.run_key, summary=SimpleNamespace(**told))


def plan_of(night, number=0):
    return SimpleNamespace(
        run_key=f"2026010{night}T000000Z-abcdefgh", rows_run=f"2026010{night}T000000Z-abcdefgh", settings=dataset_of(number), params=RunParams(), names=NAMES, shards=(),
        listing=SimpleNamespace(key="listing"), model="demo-fish", task="detect", stored_conf=0.05, then=None,
    )  # fmt: skip


def summarize(world, number=0, known=None):
    plan = plan_of(world.night, number)
    return Answer(world, plan, canonical_sha256(plan.settings.model_dump(mode="json")), known)


def by_name(files):
    return sorted(files, key=lambda file: (file.table, file.month))


FIRST = {
    "content": "a",
    "modified": "2026-07",
    "exif": None,
    "failed": False,
    "fish": [(0, 0.9), (1, 0.5)],
    "luma": 100.0,
}


def first_night():
    """A world of its own, and the answer, which is the same each time."""
    return first_world(), first_answer()


def first_world():
    world = World()
    for number, key in enumerate(KEYS):
        world.happen("put", key, {**FIRST, "content": "abcdefgh"[number]})
    return world


@cache
def first_answer():
    return summarize(first_world())


@settings(max_examples=300 if CHOSEN in os.environ else 6)
@given(nights=NIGHTS)
def test_files_that_are_named_again_are_those_that_writing_all_of_them_gives(nights):
    world, answer = first_night()
    for number, news in nights:
        world.night += 1
        for one in news:
            world.happen(*one)
        answer = summarize(world, number, answer)
        assert by_name(answer.stored) == by_name(answer.files)


def news_of(what, key, **changed):
    """Tell what one piece of news after the first night makes of the next one."""
    world, first = first_night()
    world.night += 1
    world.happen(what, key, {**FIRST, "content": "abcdefgh"[KEYS.index(key)], **changed})
    return first, summarize(world, 0, first)


def written(answer):
    """Months that were written: those that are not named again."""
    return {(file.table, file.month) for file in answer.files if file.month not in answer.known.get(file.table, {})}


def test_where_nothing_changed_every_month_is_named_again():
    world, first = first_night()
    world.night += 1
    assert written(summarize(world, 0, first)) == set()
    assert {file.table for file in first.files} >= {"images", "detections", "counts-day", "counts-hour"}
    assert len({file.month for file in first.files}) == len(MONTHS)


def test_an_image_that_changed_writes_its_own_month_again_and_no_other():
    _, after = news_of("put", KEYS[5], fish=[(2, 0.9)], content="z")
    changed = {"images", "detections", "counts-hour", "counts-day", "counts-month"}
    assert written(after) == {(table, "2026-06") for table in changed}


def test_a_new_image_whose_content_a_later_month_has_writes_both_months():
    """The earlier one is kept: what was used in July is a duplicate now."""
    first, after = news_of("put", KEYS[5], content="d")
    assert {month for table, month in written(after) if table == "images"} == {"2026-06", "2026-07"}
    assert {file.month for file in after.files if file.table == "counts-day"} == {"2026-05", "2026-06"}
    assert {file.month for file in first.files if file.table == "counts-day"} == set(MONTHS)


def test_another_row_of_an_image_writes_its_boxes_again_also_where_its_line_is_as_it_was():
    _, after = news_of("late", KEYS[5], fish=[(0, 0.8), (1, 0.6)])
    assert ("images", "2026-06") not in written(after)
    assert ("detections", "2026-06") in written(after)
    assert ("detections", "2026-05") not in written(after)


def test_boxes_are_written_again_where_their_row_is_another_one_whatever_their_hash_says():
    """A part of an earlier run that was found late: the same boxes, and the row that counts is another one."""
    _, after = news_of("late", KEYS[5])
    assert written(after) == {("detections", "2026-06")}
    assert by_name(after.stored) == by_name(after.files)


def test_a_camera_of_another_name_writes_what_names_it_again():
    """Its bins are those that the other one had, with as many images and no fish."""
    world = first_world()
    of_c2 = [key for key in KEYS if key.startswith("C2/")]
    for key in of_c2:
        world.happen("put", key, {**world.listed[key][2], "fish": []})
    first = summarize(world)
    world.night += 1
    for key in of_c2:
        world.happen("put", key.replace("C2", "C3"), world.listed[key][2])
        world.happen("remove", key, None)
    after = summarize(world, 0, first)
    assert by_name(after.stored) == by_name(after.files)
    assert {table for table, _ in written(after)} >= {
        "images",
        "detections",
        "counts-hour",
        "counts-day",
        "counts-month",
    }


def test_another_setting_writes_all_months_again():
    world, first = first_night()
    world.night += 1
    assert summarize(world, 0, first).known != {}
    for number in range(1, len(SETTINGS)):
        assert summarize(world, number, first).known == {}, SETTINGS[number]


NEXT = plan_of(1)
DOUBTS = {
    "not complete": {"complete": False},
    "written before there were months": {"by_month": False},
    "its result was changed": {"result": {"examined": 1}},
    "it says nothing of its lines": {"run": {}},
    "it does not know its lines": {"run": {"lines": None}},
    "it says something else of its lines": {
        "run": {"lines": {"images": ["2026-06"], "detections": None, "gaps": {"2026-06": 7}}}
    },
    "it names no files": {"tables": ()},
}


def test_with_any_doubt_nothing_is_named_again():
    _, first = first_night()
    whole = find_known_months(first.lines, first.as_known(), NEXT, first.shared())
    assert sum(map(len, whole.values())) == len(first.files)
    for why, changed in DOUBTS.items():
        assert find_known_months(first.lines, first.as_known(**changed), NEXT, first.shared()) == {}, why
    assert find_known_months(None, first.as_known(), NEXT, first.shared()) == {}, "the rules are not known"
    assert find_known_months(first.lines, None, NEXT, first.shared()) == {}, "there is no answer"
    unread = SimpleNamespace(run_key=first.run_key, summary=None)
    assert find_known_months(first.lines, unread, NEXT, first.shared()) == {}, "nobody can read it"
    assert find_known_months(first.lines, first.as_known(), plan_of(0), first.shared()) == {}, "summarized again"


@pytest.mark.parametrize(
    "doubtful",
    [
        pytest.param(lambda file, _: {"tables": replace(file, rows=file.rows + 1)}, id="it has another number of lines"),
        pytest.param(lambda file, _: {"tables": replace(file, bytes=None)}, id="its size is not known"),
        pytest.param(lambda file, there: {"there": {**there, file.key: there[file.key]._replace(size_bytes=1)}}, id="it has another size"),
        pytest.param(lambda file, there: {"there": {key: found for key, found in there.items() if key != file.key}}, id="it is gone"),
    ],
)  # fmt: skip
def test_a_month_with_a_doubt_is_written_and_the_others_are_not(doubtful):
    _, first = first_night()
    file = next(file for file in first.files if (file.table, file.month) == ("detections", "2026-06"))
    changed = doubtful(file, first.shared().present)
    tables = tuple(changed.get("tables", one) if one == file else one for one in first.files)
    shared = SharedFiles(None, changed.get("there", first.shared().present), NOW)
    known = find_known_months(first.lines, first.as_known(tables=tables), NEXT, shared)
    named = {(table, month) for table, months in known.items() for month in months}
    assert named == {(one.table, one.month) for one in first.files} - {("detections", "2026-06")}
