"""Tables cut into months: where a line lies, that its month's bytes follow from its lines alone, and what nobody can stretch."""

from datetime import datetime, timedelta

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.contract.layout import NO_MONTH, VariantLayout
from shoal.contract.rows import ROW_COLUMNS
from shoal.contract.stored_names import parse_answer_file
from shoal.summary.answer_tables import BELOW, DETECTIONS, IMAGES, AnswerTable, month_of
from shoal.summary.months import cut_tables
from shoal.tables.session import open_database, read_sql

LAYOUT = VariantLayout("fish/demo-fish-v1-0123456789ab/")
IMAGE = {
    "use": "VARCHAR", "camera": "VARCHAR", "deployment": "VARCHAR", "captured_at": "TIMESTAMP", "last_modified": "TIMESTAMP",
    "clock_source": "INTEGER", "clock_flag": "VARCHAR",
}  # fmt: skip
BOX = {
    "key": "VARCHAR", "object_version": "VARCHAR", "position": "BIGINT", "class_id": "INTEGER", "confidence": "FLOAT", "x1": "FLOAT",
    "y1": "FLOAT", "x2": "FLOAT", "y2": "FLOAT", "class_name": "VARCHAR", "taxon": "VARCHAR", "aphia_id": "INTEGER", "role": "VARCHAR",
}  # fmt: skip


@pytest.fixture
def database():
    """A session with empty tables of a summary."""
    with open_database(None) as session:
        columns = {name: kind for name, kind in ROW_COLUMNS.items() if name != "detections"} | IMAGE
        for name, types in {"images": columns, "detections": BOX, "below": BOX}.items():
            session.run(f"CREATE TABLE {name} ({', '.join(f'{column} {kind}' for column, kind in types.items())})")
        session.run("CREATE TABLE image_events (key VARCHAR, event VARCHAR)")
        session.run("CREATE TABLE repeat_boxes (key VARCHAR, position INTEGER, repeat VARCHAR)")
        macro = read_sql("images").split("CREATE OR REPLACE MACRO unusable_cause")[1].split(";")[0]
        session.run(f"CREATE OR REPLACE MACRO unusable_cause{macro}")
        for name, value in {"damaged_usable": False, "luma_min": 20.0, "luma_max": None, "sharpness_min": None}.items():
            session.set_variable(name, value)
        yield session


def add(database, table, **values):
    columns = ", ".join(f"? AS {name}" for name in values)
    database.run(f"INSERT INTO {table} BY NAME SELECT {columns}", list(values.values()))


def add_image(database, key, captured_at=None, last_modified="2026-05-02 00:00:00", use="used", **values):
    moment = captured_at and datetime.fromisoformat(captured_at)
    stored = datetime.fromisoformat(last_modified)
    add(database, "images", key=key, object_version="v", use=use, captured_at=moment, last_modified=stored, **values)


def cut(database, *tables):
    """Cut tables; the file of each month, and its lines."""
    found = {}
    for month in cut_tables(database, LAYOUT, tables):
        cursor = duckdb.execute("FROM read_parquet(?, hive_partitioning = false)", [str(month.path)])
        names = [column[0] for column in cursor.description]
        found[month.file.name] = (month.file, [dict(zip(names, row, strict=True)) for row in cursor.fetchall()])
    return found


def test_a_line_lies_in_the_month_of_its_capture_in_utc_or_of_its_last_change(database):
    add_image(database, "b.jpg", "2026-06-30 23:59:59.999")
    add_image(database, "a.jpg", "2026-06-01 00:00:00")
    add_image(database, "c.jpg", "2026-07-01 00:00:00")
    add_image(database, "d.jpg", None, "2026-05-31 23:59:59", use="undated", clock_flag="epoch")
    found = cut(database, IMAGES)
    keys = {name: [line["key"] for line in lines] for name, (_, lines) in found.items()}
    assert keys == {
        "images-2026-05.parquet": ["d.jpg"], "images-2026-06.parquet": ["a.jpg", "b.jpg"], "images-2026-07.parquet": ["c.jpg"],
    }  # fmt: skip
    for file, lines in found.values():
        assert file.rows == len(lines)
        assert parse_answer_file(LAYOUT, file.key).content == file.sha256[:16]


def test_hostile_clocks_make_one_month_beyond_those_of_110_years(database):
    for number, year in enumerate((1, 1969, 1989, 2100, 2103, 9999)):
        add_image(database, f"{number}.jpg", f"{year:04d}-03-01 00:00:00")
    add_image(database, "first.jpg", "1990-01-01 00:00:00")
    add_image(database, "last.jpg", "2099-12-31 23:59:59")
    add_image(database, "lost.jpg", None, "1970-01-01 00:00:00")
    found = cut(database, IMAGES)
    assert {file.month: file.rows for file, _ in found.values()} == {NO_MONTH: 7, "1990-01": 1, "2099-12": 1}


def test_an_image_says_why_it_is_in_no_number_and_how_many_boxes_count(database):
    at = "2026-06-01 12:00:00"
    add_image(database, "dark.jpg", at, use="unusable", luma_mean=3.0)
    add_image(database, "empty.jpg", at, use="failed", reason="empty")
    add_image(database, "shown.jpg", at)
    for position, role in enumerate(("count", "count", "exclude_image")):
        add(database, "detections", key="shown.jpg", object_version="v", position=position, role=role)
    (_, lines) = cut(database, IMAGES)["images-2026-06.parquet"]
    assert [(line["key"], line["use"], line["reason"], line["detections"]) for line in lines] == [
        ("dark.jpg", "unusable", "too dark", 0), ("empty.jpg", "failed", "empty", 0), ("shown.jpg", "used", None, 2),
    ]  # fmt: skip


def test_boxes_lie_with_their_image_in_its_order_with_what_else_the_model_gave(database):
    add_image(database, "b.jpg", "2026-06-01 12:00:00", masks=["m0", "m1", "m2"], angles=[0.0, 0.25, 0.5])
    add_image(database, "a.jpg", None, "2026-06-09 12:00:00", use="undated")
    for key, position in (("b.jpg", 2), ("b.jpg", 0), ("a.jpg", 0)):
        add(database, "detections", key=key, object_version="v", position=position, role="count", taxon="Chromis")
    add(database, "below", key="b.jpg", object_version="v", position=1, role="count", taxon="Chromis", confidence=0.125)
    found = cut(database, DETECTIONS, BELOW)
    told = [
        [
            (line["key"], line["use"], line["position"], line["mask"], line["angle"], line["keypoints"])
            for line in found[name][1]
        ]
        for name in ("detections-2026-06.parquet", "below-2026-06.parquet")
    ]
    assert told == [
        [
            ("a.jpg", "undated", 0, None, None, None),
            ("b.jpg", "used", 0, "m0", 0.0, None),
            ("b.jpg", "used", 2, "m2", 0.5, None),
        ],
        [("b.jpg", "used", 1, "m1", 0.25, None)],
    ]


def test_a_table_without_lines_has_no_file(database):
    assert cut(database, IMAGES, DETECTIONS, BELOW) == {}


MOMENTS = st.integers(0, 100).map(lambda days: datetime(2026, 5, 20, 12) + timedelta(days=days))
LINES = st.dictionaries(st.text("abc/é", min_size=1, max_size=4), MOMENTS, min_size=1, max_size=12)


@settings(max_examples=10)
@given(lines=LINES, data=st.data())
def test_a_month_is_its_lines_and_nothing_else_decides_its_bytes(lines, data):
    """Whatever order they came in; and another line changes the file of its own month alone."""
    table = AnswerTable("moments", f"SELECT {month_of('moment')}, key, moment FROM moments", "key")

    def files(given):
        with open_database(None) as database:
            database.run("CREATE TABLE moments (key VARCHAR, moment TIMESTAMP)")
            for line in given:
                database.run("INSERT INTO moments VALUES (?, ?)", list(line))
            return {month.file.month: month.file for month in cut_tables(database, LAYOUT, [table])}

    before = files(lines.items())
    assert files(data.draw(st.permutations(list(lines.items())))) == before
    assert {month: file.rows for month, file in before.items()} == {
        month: sum(f"{at:%Y-%m}" == month for at in lines.values())
        for month in {f"{at:%Y-%m}" for at in lines.values()}
    }
    moved, to = data.draw(st.sampled_from(sorted(lines))), data.draw(MOMENTS)
    after = files({**lines, moved: to}.items())
    changed = {month for month in before.keys() | after.keys() if before.get(month) != after.get(month)}
    assert changed == ({f"{lines[moved]:%Y-%m}", f"{to:%Y-%m}"} if to != lines[moved] else set())
