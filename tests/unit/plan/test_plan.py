from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shoal.capacity.share import Capacity
from shoal.contract.layout import DatasetLayout
from shoal.contract.minted_names import mint_attempt, mint_run_key
from shoal.contract.stored_names import parse_ledger_run, parse_part
from shoal.history.find_run import parse_run
from shoal.models.approval import Rate
from shoal.plan.cut_shards import cut_in_key_order, group_rows
from shoal.plan.planned_work import PlannedShard, PlannedWork, images_in_budget, shard_count
from shoal.settings.analysis import Clock
from shoal.settings.clock_patterns import name_groups
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess
from shoal.tables.capture_times import view_clocked, view_clocked_with_exif
from shoal.tables.session import Database

KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """A session that never talks to its bucket."""
    return Database(S3Store(StoreAccess("http://127.0.0.1:9", "nobody", "nothing"), "results"), tmp_path)


def fill(database, keys, modified="2026-06-10"):
    database.run(
        "CREATE OR REPLACE TABLE listing (key VARCHAR, object_version VARCHAR, size_bytes BIGINT, last_modified TIMESTAMP, storage_class VARCHAR)"
    )
    for key in keys:
        database.run("INSERT INTO listing VALUES (?, 'e', 1, ?::TIMESTAMP, NULL)", [key, modified])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=40)
@given(keys=st.sets(KEYS, min_size=1, max_size=60), pods=st.integers(1, 9), rate=st.floats(0.01, 100))
def test_each_key_is_in_exactly_one_shard_contiguous_and_balanced(database, keys, pods, rate):
    fill(database, keys)
    database.run("DROP TABLE IF EXISTS chosen")
    database.run("CREATE OR REPLACE VIEW picked AS SELECT * FROM listing")
    shards = cut_in_key_order(database, len(keys), shard_count(len(keys), pods, rate, 1024))
    assert sum(shard.images for shard in shards) == len(keys)
    assert [shard.shard for shard in shards] == list(range(len(shards)))
    assert max(s.images for s in shards) - min(s.images for s in shards) <= 1
    ordered = sorted(keys, key=str.encode)
    for shard in shards:
        assert ordered.index(shard.last_key) - ordered.index(shard.first_key) == shard.images - 1


@pytest.mark.parametrize(
    ("images", "pods", "rate", "most", "shards"),
    [
        pytest.param(1000, 4, 1.0, 1024, 4, id="one shard per pod"),
        pytest.param(40, 4, 1.0, 1024, 2, id="fewer when a shard is not worth a pod"),
        pytest.param(3, 100, 100.0, 1024, 3, id="never an empty shard"),
        pytest.param(10**6, 5000, 1.0, 1024, 1024, id="never more than Airflow maps"),
        pytest.param(5, 8, 0.001, 1024, 1, id="one at least"),
    ],
)
def test_number_of_shards(images, pods, rate, most, shards):
    assert shard_count(images, pods, rate, most) == shards


@pytest.mark.parametrize(
    ("images", "pods", "shards", "rate", "why"),
    [
        pytest.param(1000, 2, 2, 1.0, "", id="as many as fit"),
        pytest.param(3, 2, 1, 1.0, " (though 2 workers fit: so little work that another one's start would cost more)", id="little work"),
        pytest.param(1, 2, 1, 500.0, " of one image (though 2 workers fit)", id="one image"),
        pytest.param(10**6, 5000, 1024, 1.0, " (though 5000 workers fit: Airflow maps no more, see core.max_map_length)", id="Airflow's limit"),
    ],
)  # fmt: skip
def test_fewer_shards_than_workers_explain_themselves(images, pods, shards, rate, why):
    cut = tuple(PlannedShard(n, images // shards + (n < images % shards), "a", "b") for n in range(shards))
    assert PlannedWork(Capacity(pods, pods, (), f"{pods} workers fit"), Rate(rate, "measured"), cut).why_fewer == why


def test_the_time_box_counts_pods_seconds_and_rate():
    assert images_in_budget(10, 4 * 3600, 0.5) == 288_000
    assert images_in_budget(1, 1, 100) == 1


@pytest.mark.parametrize(
    ("key", "camera", "captured_at", "flag"),
    [
        pytest.param("a/20240422-080001-IPC608_8B64_165.jpg", "IPC608_8B64_165", datetime(2024, 4, 22, 6, 0, 1), None, id="OBSEA name"),
        pytest.param("photo.jpg", "camera", None, "undated", id="no time in the name"),
        pytest.param("20241345-000000-C1.jpg", "C1", None, "undated", id="no such month"),
        pytest.param("19700101-010000-C1.jpg", "C1", None, "epoch", id="clock never set"),
        pytest.param("20300101-000000-C1.jpg", "C1", None, "future", id="later than the object itself"),
        pytest.param("20241027-023000-C1.jpg", "C1", datetime(2024, 10, 27, 1, 30), "ambiguous", id="hour that happens twice"),
        pytest.param("20240331-023000-C1.jpg", "C1", datetime(2024, 3, 31, 1, 30), "nonexistent", id="hour that is skipped"),
        pytest.param("fotó #%?+ 20240422-080001-Ç.jpg", "Ç", datetime(2024, 4, 22, 6, 0, 1), None, id="Unicode around the time"),
        pytest.param("20240422-080001-CAM-1.jpg", "CAM-1", datetime(2024, 4, 22, 6, 0, 1), None, id="a hyphen in the camera"),
        pytest.param("20240422-080001-Cámara-ñ 1.jpg", "Cámara-ñ 1", datetime(2024, 4, 22, 6, 0, 1), None, id="accents and a blank"),
        pytest.param("20240422-080001-CAM.v2.JPEG", "CAM.v2", datetime(2024, 4, 22, 6, 0, 1), None, id="a dot in the camera"),
        pytest.param("20240422-080001-CAM1", "CAM1", datetime(2024, 4, 22, 6, 0, 1), None, id="no ending"),
        pytest.param("20200101-000000-dump/20240422-080001-CAM1.jpg", "CAM1", datetime(2024, 4, 22, 6, 0, 1), None, id="a dated folder"),
        pytest.param("20200101-000000-dump/DSC0001.jpg", "camera", None, "undated", id="only the folder is dated"),
    ],
)  # fmt: skip
def test_clock(database, key, camera, captured_at, flag):
    fill(database, [key])
    view_clocked(database, Clock(zone="Europe/Madrid"), ())
    assert database.run("SELECT camera, captured_at, clock_flag FROM clocked").fetchall() == [
        (camera, captured_at, flag)
    ]


FOLDERS = r"(?P<date>\d{4}-\d\d-\d\d)/(?P<camera>[^/]+)/(?P<time>\d\d\.\d\d\.\d\d)"


@pytest.mark.parametrize(
    ("clock", "key", "camera", "captured_at", "flag"),
    [
        pytest.param({"pattern": FOLDERS, "format": "%Y-%m-%d %H.%M.%S"}, "2024-04-22/C1/08.00.01.jpg", "C1", datetime(2024, 4, 22, 8, 0, 1), None, id="date and time apart"),
        pytest.param({"pattern": r"(?P<time>\d+)", "format": "%s"}, "1713772801.jpg", "camera", datetime(2024, 4, 22, 8, 0, 1), None, id="seconds since 1970"),
        pytest.param({"pattern": r"(?P<time>\d+)", "format": "%s", "zone": "Europe/Madrid"}, "1713772801500.jpg", "camera", datetime(2024, 4, 22, 8, 0, 1, 500000), None, id="milliseconds, whatever the zone"),
        pytest.param({"pattern": r"(?P<time>\d+)", "format": "%s"}, "99999999999999999999.jpg", "camera", None, "undated", id="digits that are no moment"),
        pytest.param({}, "20231231-240000-C1.jpg", "C1", datetime(2024, 1, 1), None, id="24 o'clock"),
        pytest.param({}, "20231231-240001-C1.jpg", "C1", None, "undated", id="a second after 24 o'clock"),
        pytest.param({"zone": "Australia/Lord_Howe"}, "20240407-014500-C1.jpg", "C1", datetime(2024, 4, 6, 15, 15), "ambiguous", id="half an hour that happens twice"),
        pytest.param({"zone": "Australia/Lord_Howe"}, "20240407-012900-C1.jpg", "C1", datetime(2024, 4, 6, 14, 29), None, id="before that half hour"),
        pytest.param({"zone": "Australia/Lord_Howe"}, "20240407-020000-C1.jpg", "C1", datetime(2024, 4, 6, 15, 30), None, id="after that half hour"),
    ],
)  # fmt: skip
def test_ways_to_write_a_time(database, *, clock, key, camera, captured_at, flag):
    fill(database, [key])
    view_clocked(database, Clock(**clock), ())
    found = database.run("SELECT camera, captured_at, clock_flag FROM clocked").fetchall()
    assert found == [(camera, captured_at, flag)]


LOGGER = {"pattern": r"log_(?P<time>\d{10})", "format": "%s", "camera": "logger"}


@pytest.mark.parametrize(
    ("key", "camera", "captured_at", "flag", "source"),
    [
        pytest.param("20240422-080001-C1.jpg", "C1", datetime(2024, 4, 22, 8, 0, 1), None, 0, id="the first entry"),
        pytest.param("log_1713772801.jpg", "logger", datetime(2024, 4, 22, 8, 0, 1), None, 1, id="the second"),
        pytest.param("19700101-000000-C1_log_1713772801.jpg", "logger", datetime(2024, 4, 22, 8, 0, 1), None, 1, id="the first has no usable time"),
        pytest.param("19700101-000000-C1.jpg", "C1", None, "epoch", None, id="none has: the first one's flag"),
    ],
)  # fmt: skip
def test_the_first_entry_with_a_usable_time_counts(database, *, key, camera, captured_at, flag, source):
    fill(database, [key])
    view_clocked(database, Clock.model_validate([{}, LOGGER]), ())
    found = database.run("SELECT camera, captured_at, clock_flag, clock_source FROM clocked").fetchall()
    assert found == [(camera, captured_at, flag, source)]


@pytest.mark.parametrize(
    ("key", "offset", "read_exif", "captured_at", "source"),
    [
        pytest.param("a.jpg", None, True, datetime(2024, 4, 22, 6, 0, 1), 1, id="the entry's zone"),
        pytest.param("a.jpg", 330, True, datetime(2024, 4, 22, 2, 30, 1), 1, id="the camera's own offset"),
        pytest.param("20240101-000000-C1.jpg", 330, True, datetime(2024, 1, 1), 0, id="the name goes first"),
        pytest.param("a.jpg", 330, False, None, None, id="a plan reads names only"),
    ],
)
def test_exif_tells_the_time_where_the_name_does_not(database, *, key, offset, read_exif, captured_at, source):
    fill(database, [key])
    database.run(
        "CREATE TABLE rows AS SELECT key, object_version, {'local_time': TIMESTAMP '2024-04-22 08:00:01', "
        "'offset_minutes': ?::SMALLINT} AS exif FROM listing",
        [offset],
    )
    view = view_clocked_with_exif if read_exif else view_clocked
    view(database, Clock.model_validate([{}, {"exif": True, "zone": "Europe/Madrid"}]), ())
    assert database.run("SELECT captured_at, clock_source FROM clocked").fetchall() == [(captured_at, source)]


def test_a_file_time_that_a_copy_lost_makes_no_name_a_future_one(database):
    fill(database, ["20240422-080001-C1.jpg"])
    database.run("UPDATE listing SET last_modified = TIMESTAMP '1980-01-01'")
    view_clocked(database, Clock(), ())
    assert database.value("SELECT captured_at FROM clocked") == datetime(2024, 4, 22, 8, 0, 1)


@pytest.mark.parametrize(
    ("key", "camera"),
    [
        pytest.param("20240101-000000-.jpg", "camera", id="nothing but the ending"),
        pytest.param("20240101-000000-.JPG", "camera", id="the ending in capitals"),
        pytest.param("20240101-000000- .jpg", "camera", id="a blank"),
        pytest.param("20240101-000000-\u00a0_.jpg", "camera", id="blanks and separators"),
        pytest.param("20240101-000000--.jpg", "camera", id="a separator twice"),
        pytest.param("20240101-000000-....jpg", "camera", id="points"),
        pytest.param("20240101-000000-C.1.jpg", "C.1", id="a point within a name"),
        pytest.param("20240101-000000-.C1.jpg", ".C1", id="a point before a name"),
        pytest.param("20240101-000000-_C_.jpg", "_C_", id="separators around a name stay"),
        pytest.param("20240101-000000-\U0001f41f.jpg", "\U0001f41f", id="a name without letters"),
    ],
)
def test_a_camera_that_is_only_an_ending_or_empty_is_none(database, key, camera):
    fill(database, [key])
    view_clocked(database, Clock(), ())
    assert database.run("SELECT camera, captured_at FROM clocked").fetchall() == [(camera, datetime(2024, 1, 1))]


def test_a_folder_tells_the_camera_where_the_name_has_only_an_ending(database):
    fill(database, ["C1_20240101-000000/20240101-000000_.jpg", ".hidden_20240101-000000/20240101-000000.jpg"])
    pattern = r"(?:(?P<camera>[^/]+)_)?(?P<time>\d{8}-\d{6})"
    view_clocked(database, Clock(pattern=pattern), ())
    assert database.run("SELECT camera FROM clocked ORDER BY key").fetchall() == [(".hidden",), ("C1",)]


def test_a_pattern_without_camera_takes_the_dataset_s_name(database):
    fill(database, ["x/(1)20240422-080001.jpg"])
    view_clocked(database, Clock(pattern=r"\((\d)\)(?P<time>\d{8}-\d{6})", camera="jetty"), ())
    assert database.value("SELECT camera FROM clocked") == "jetty"


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        pytest.param(
            r"(a)(?P<time>b)(?P<camera>c)", ["group_1", "time", "camera", "date"], id="a group without a name"
        ),
        pytest.param(r"(?i)(?:a)(?P<time>b)", ["time", "camera", "date"], id="flags and no group"),
        pytest.param(r"\((?P<time>b)[(](?P<camera>[])(])", ["time", "camera", "date"], id="brackets that are text"),
        pytest.param(
            r"\Q(\E(?P<time>[[:digit:](]+)(?P<camera>\pL+)", ["time", "camera", "date"], id="words of RE2 alone"
        ),
    ],
)
def test_groups_are_counted_as_duckdb_counts_them(database, pattern, names):
    completed, found = name_groups(Clock(pattern=pattern).pattern)
    assert found == names
    assert database.value("SELECT regexp_extract('', ?, ?)", [completed, found]) == dict.fromkeys(names, "")


def test_run_keys_sort_by_time_and_names_of_parts_can_be_read_back():
    early, late = (mint_run_key(datetime(2026, 6, day, tzinfo=UTC)) for day in (1, 2))
    assert early < late
    layout = DatasetLayout("results/", "obsea").variant("fish-v1-0123456789ab")
    attempt = mint_attempt()
    part = parse_part(layout.part(early, 12, attempt, 3))
    assert (part.run_key, part.shard, part.attempt, part.seq) == (early, 12, attempt, 3)
    assert parse_ledger_run(layout.ledger(early, attempt)) == early
    assert parse_part(layout.ledger(early, attempt)) is None
    assert parse_run(f"obsea/{early}") == ("obsea", early)
    assert parse_run(f"s3://bucket/{layout.run(early).summary}") == ("obsea", early)
    assert parse_run(f"/home/me/.shoal/store/bucket/{layout.run(early).summary}") == ("obsea", early)


@pytest.mark.parametrize(
    ("first", "last", "label"),
    [
        pytest.param("a/b/1.jpg", "a/b/9.jpg", "shard 3: 1.jpg to 9.jpg", id="what the keys share is left out"),
        pytest.param("IPC608/1.jpg", "IPC710/1.jpg", "shard 3: IPC608/1.jpg to IPC710/1.jpg", id="two folders"),
        pytest.param("a/1.jpg", "a/1.jpg", "shard 3: 1.jpg", id="one image"),
        pytest.param(
            "{{ 7 * 7 }}.jpg", "é/{% x %}", "shard 3: {{ 7 * 7 }}.jpg to é/{% x %}", id="a key is no template"
        ),
    ],
)
def test_a_shard_is_labelled_by_where_its_images_begin_and_end(first, last, label):
    assert PlannedShard(3, 2, first, last).label == label


def test_the_label_of_a_shard_is_short_however_long_its_keys_are():
    label = PlannedShard(1023, 2, "x" * 500 + "/20240501.jpg", "y" * 1024).label
    assert len(label) <= 100
    assert "20240501.jpg" in label


def test_a_plan_keeps_no_argument_of_a_notifier_and_is_still_read(few_images):
    notifier = {"notifier": "some.module.Notifier", "arguments": {"token": "not-for-the-bucket"}}
    told = few_images.with_settings(
        alerts={"notifiers": [notifier]}, run={"deadline": "1h", "expect_new_within": "26h"}
    )
    plan = told.plan()
    assert "not-for-the-bucket" not in str(plan.to_json())
    told.infer(plan)
    assert told.summarize(plan).balance.complete


@given(images=st.integers(1, 200_000_000))
def test_row_groups_of_a_manifest_are_whole_steps_and_none_is_followed_by_less_than_one_alone(images):
    """Several threads would write such two as one: other bytes of the same images."""
    rows = group_rows(images)
    assert rows % 2048 == 0
    assert 2048 <= rows <= 49 * 2048
    assert not rows < images < rows + 2048
