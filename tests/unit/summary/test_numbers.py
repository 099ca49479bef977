"""What the numbers mean, on rows written by hand: merging, roles, thresholds, effort, bins, deployments."""

import csv
import io
import json
from datetime import UTC, datetime
from html import escape

import duckdb
import pytest

from shoal.contract.minted_names import mint_attempt
from shoal.contract.rows import ROW_COLUMNS, ddl
from shoal.contract.stored_names import parse_part
from shoal.settings.analysis import Clock
from shoal.tables.session import open_database

DIPLODUS, CHROMIS, CORIS = 0, 1, 2
WHOLE = (0, 0, 100, 100)


def box(class_id, confidence=0.9, xyxy=WHOLE):
    x1, y1, x2, y2 = xyxy
    return {"class_id": class_id, "confidence": confidence, "x1": x1, "y1": y1, "x2": x2, "y2": y2}


def seen(pipeline, images, **settings):
    """Summarize images whose detections are given: {name: [box, …] or a whole row}."""
    pipeline = pipeline.with_settings(**settings)
    for name in images:
        pipeline.put(name, name.encode())
    plan = pipeline.plan()
    layout = pipeline.stores.layout.variant(plan.variant.directory)
    attempt = mint_attempt()
    with open_database(pipeline.stores.results) as database:
        database.run(f"CREATE TABLE given ({ddl(ROW_COLUMNS)})")
        database.view_parquet(
            "chosen",
            [layout.run(plan.run_key).manifest],
            {"key": "VARCHAR", "object_version": "VARCHAR", "size_bytes": "BIGINT"},
        )
        for record in database.records("SELECT * FROM chosen"):
            given = images[record["key"]]
            row = {
                **record, "content_sha256": record["object_version"], "status": "processed", "detections": given, "width": 100,
                "height": 100, "max_det_reached": False, "luma_mean": 100.0, "luma_std": 10.0, "sharpness": 50.0,
                "seconds": 0.1, "version_checked": True, "run_key": plan.run_key, "attempt": attempt,
                **(given if isinstance(given, dict) else {}),
            }  # fmt: skip
            database.run(
                f"INSERT INTO given BY NAME SELECT {', '.join(f'? AS {name}' for name in row)}", list(row.values())
            )
        part = layout.part(plan.run_key, 0, attempt, 0)
        assert parse_part(part)
        database.store_parquet("SELECT * FROM given ORDER BY key", part)
    return pipeline, pipeline.summarize(plan)


def species(done):
    return {entry["taxon"]: entry for entry in done.summary["result"]["species"]}


def counts(pipeline, done, width="day"):
    text = pipeline.stores.results.read_bytes(done.summary["folder"] + f"counts-{width}.csv").decode()
    return list(csv.DictReader(io.StringIO(text)))


def name(day, hour=12, camera="IPC1"):
    return f"{camera}/202606{day:02d}-{hour:02d}0000-{camera}.jpg"


def test_a_class_merged_into_another_counts_one_fish_once(empty_bucket):
    taxa = {"Coris julis": {"merge_into": "Chromis chromis"}}
    apart = (200, 0, 300, 100)
    images = {
        name(1): [box(CHROMIS, 0.8), box(CORIS, 0.9)],
        name(2): [box(CHROMIS, 0.8), box(CORIS, 0.9, apart)],
        name(3): [box(CHROMIS, 0.8), box(DIPLODUS, 0.9)],
    }
    _, done = seen(empty_bucket, images, taxa=taxa)
    found = species(done)
    assert set(found) == {"Chromis chromis", "Diplodus vulgaris"}
    assert found["Chromis chromis"]["detections"] == 1 + 2 + 1
    assert done.summary["result"]["overlaps"] == [
        {"taxon_a": "Chromis chromis", "taxon_b": "Diplodus vulgaris", "pairs": 1}
    ]


def test_boxes_of_one_class_count_alike_whether_or_not_a_box_of_a_merged_class_touches_them(empty_bucket):
    """A model without NMS keeps boxes of one class that overlap: a bystander that touches one of them changes nothing."""
    twice = [box(CHROMIS, 0.9, (0, 0, 50, 50)), box(CHROMIS, 0.8, (2, 2, 52, 52))]
    images = {
        name(1): [*twice, box(CORIS, 0.7, (60, 60, 90, 90))],
        name(2): [*twice, box(CORIS, 0.7, (48, 48, 80, 80))],
        name(3): twice,
        name(4): [*twice, box(CORIS, 0.7, (1, 1, 51, 51))],
    }
    _, done = seen(empty_bucket, images, taxa={"Coris julis": {"merge_into": "Chromis chromis"}})
    assert species(done)["Chromis chromis"]["detections"] == 3 + 3 + 2 + 2


def test_ignored_classes_are_no_species_and_excluding_ones_make_an_image_unusable(empty_bucket):
    taxa = {"Coris julis": {"role": "ignore"}, "Diplodus vulgaris": {"role": "exclude_image"}}
    images = {name(1): [box(CHROMIS), box(CORIS)], name(2): [box(CHROMIS), box(DIPLODUS)]}
    _, done = seen(empty_bucket, images, taxa=taxa)
    assert {taxon: entry["detections"] for taxon, entry in species(done).items()} == {"Chromis chromis": 1}
    assert done.summary["result"]["balance"]["unusable"] == 1


def test_a_class_has_its_own_threshold_and_a_run_s_conf_replaces_every_one(empty_bucket):
    taxa = {"Chromis chromis": {"conf": 0.8}}
    images = {name(1): [box(CHROMIS, 0.7), box(CORIS, 0.3), box(DIPLODUS, 0.2)]}
    pipeline, done = seen(empty_bucket, images, taxa=taxa)
    assert {taxon: entry["detections"] for taxon, entry in species(done).items()} == {
        "Chromis chromis": 0, "Coris julis": 1, "Diplodus vulgaris": 0,
    }  # fmt: skip
    everything = pipeline.run(conf=0.1)
    assert [entry["detections"] for entry in everything.summary["result"]["species"]] == [1, 1, 1]


def test_zero_is_examined_and_not_seen_and_no_row_is_no_effort(empty_bucket):
    images = {name(1): [box(CHROMIS)], name(2): [], name(4): [box(CHROMIS), box(CHROMIS, 0.5, (200, 0, 300, 100))]}
    pipeline, done = seen(empty_bucket, images)
    chromis = [row for row in counts(pipeline, done) if row["taxon"] == "Chromis chromis"]
    assert [(row["images"], row["detections"], row["maxn"]) for row in chromis] == [
        ("1", "1", "1"), ("1", "0", "0"), ("1", "2", "2"),
    ]  # fmt: skip
    assert {row["taxon"] for row in counts(pipeline, done)} == {"Chromis chromis", "Coris julis", "Diplodus vulgaris"}


def test_mean_deviation_and_maxn_of_a_day(empty_bucket):
    apart = (200, 0, 300, 100)
    images = {
        name(1, 8): [box(CHROMIS)],
        name(1, 9): [box(CHROMIS), box(CHROMIS, 0.5, apart)],
        name(1, 10): [],
        name(1, 11): [box(CHROMIS)],
    }
    pipeline, done = seen(empty_bucket, images)
    row = next(row for row in counts(pipeline, done) if row["taxon"] == "Chromis chromis")
    assert (float(row["mean_per_image"]), float(row["sd_per_image"])) == (1.0, pytest.approx(0.816497))
    assert (row["images_with"], row["images"], row["maxn_key"]) == ("3", "4", name(1, 9))


def test_days_begin_at_local_midnight_and_hours_are_utc(empty_bucket, tmp_path):
    images = {
        "C1/20260328-233000-C1.jpg": [],
        "C1/20260329-213000-C1.jpg": [],
        "C1/20260329-223000-C1.jpg": [],
    }
    pipeline, done = seen(empty_bucket, images, report={"zone": "Europe/Madrid"})
    days = [row for row in counts(pipeline, done) if row["taxon"] == "Coris julis"]
    # 29 March 2026 has 23 hours in Madrid.
    assert [(row["bin_start"], row["bin_end"], row["images"]) for row in days] == [
        ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "2"),
        ("2026-03-29T22:00:00Z", "2026-03-30T22:00:00Z", "1"),
    ]
    hourly = tmp_path / "counts-hour.parquet"
    [file] = [file for file in done.stored.tables if file.table == "counts-hour"]
    hourly.write_bytes(pipeline.stores.results.read_bytes(file.key))
    hours = duckdb.sql(f"SELECT DISTINCT bin_start::VARCHAR FROM '{hourly}' WHERE images = 1 ORDER BY 1").fetchall()
    assert [hour for (hour,) in hours] == ["2026-03-28 23:00:00", "2026-03-29 21:00:00", "2026-03-29 22:00:00"]


def test_series_break_at_deployments_and_never_cross_cameras(empty_bucket):
    deployments = [
        {"name": "jetty", "camera": "IPC1", "start": "2026-06-01T00:00:00Z", "end": "2026-06-02T00:00:00Z"},
        {"name": "reef", "camera": "IPC1", "start": "2026-06-02T00:00:00Z"},
    ]
    images = {name(1): [box(CHROMIS)], name(2): [box(CHROMIS)], name(2, camera="IPC2"): [box(CHROMIS)]}
    pipeline, done = seen(empty_bucket, images, deployments=deployments)
    found = {
        (e["camera"], e["deployment"], e["detections"]) for e in done.summary["result"]["series"] if e["detections"]
    }
    assert found == {("IPC1", "jetty", 1), ("IPC1", "reef", 1), ("IPC2", None, 1)}
    assert {row["deployment"] for row in counts(pipeline, done)} == {"jetty", "reef", ""}


def test_one_image_per_camera_and_instant_where_the_clock_says_so(empty_bucket):
    images = {"a/20260601-120000-IPC1.jpg": [], "b/20260601-120000-IPC1.jpg": [], "b/20260601-120000-IPC2.jpg": []}
    clock = {**empty_bucket.dataset.clock.model_dump(mode="json"), "unique": True}
    _, done = seen(empty_bucket, images, clock=clock)
    assert done.summary["result"]["balance"] == {"used": 2, "duplicate": 1, "undated": 0, "unusable": 0, "failed": 0}


def test_an_instant_is_one_whether_its_hour_came_twice_or_not(empty_bucket):
    seconds = int(datetime(2026, 10, 25, 1, 30, tzinfo=UTC).timestamp())
    images = {"20261025-023000-IPC1.jpg": [], f"{seconds}-IPC1.jpg": []}
    clock = [
        {"pattern": r"(?P<time>\d{8}-\d{6})-(?P<camera>IPC\d)", "zone": "Europe/Madrid", "unique": True},
        {"pattern": r"(?P<time>\d{10})-(?P<camera>IPC\d)", "format": "%s"},
    ]
    _, done = seen(empty_bucket, images, clock=clock)
    assert done.summary["result"]["clock_flags"] == {"ambiguous": 1}
    assert [line["first"] for line in done.summary["run"]["clock"]["lines"]] == ["2026-10-25T01:30:00Z"] * 2
    assert done.summary["result"]["balance"]["duplicate"] == 1


def test_a_content_duplicate_takes_no_instant_from_another_image(empty_bucket):
    same = {"detections": [], "content_sha256": "x"}
    images = {"c/20260601-110000-IPC1.jpg": same, "a/20260601-120000-IPC1.jpg": same, "b/20260601-120000-IPC1.jpg": []}
    clock = {**empty_bucket.dataset.clock.model_dump(mode="json"), "unique": True}
    _, done = seen(empty_bucket, images, clock=clock)
    assert done.summary["result"]["balance"]["used"] == 2


def test_a_time_of_upload_makes_no_image_a_duplicate_and_gives_way_to_a_time_of_its_own(empty_bucket):
    """All are stored in one second or two; `unique` asks which cameras took an image at one instant."""
    same = {"detections": [box(CHROMIS)], "content_sha256": "x"}
    images = {"IMG_0001.jpg": [box(CHROMIS)], "IMG_0002.jpg": [], "a copy.jpg": same, "z/20300101-120000-IPC1.jpg": []}
    images |= {"z/20260601-120000-IPC1.jpg": same}
    clock = [{"pattern": Clock().pattern}, {"last_modified": True}]
    clock[0]["unique"] = True
    pipeline, done = seen(empty_bucket, images, clock=clock)
    assert done.summary["result"]["balance"] == {"used": 3, "duplicate": 1, "undated": 1, "unusable": 0, "failed": 0}
    assert done.summary["result"]["clock_flags"] == {"future": 1, "uploaded": 3}
    assert [line["by"] for line in done.summary["run"]["clock"]["lines"]][:2] == [
        "time of upload, not of capture",
        "name",
    ]
    assert sum(int(row["detections"]) for row in counts(pipeline, done) if row["camera"] == "IPC1") == 1
    report = pipeline.stores.results.read_bytes(done.summary["folder"] + "report.html").decode()
    assert "3 of 5 images have the time of their upload, not of their capture" in report


def test_a_camera_named_like_a_formula_is_drawn(empty_bucket):
    clock = {"pattern": r"(?P<camera>[^/]+)/(?P<time>\d{8}-\d{6})"}
    _, done = seen(empty_bucket, {"a$b_$/20260601-120000.jpg": [box(CHROMIS)]}, clock=clock)
    assert done.summary["result"]["series"][0]["camera"] == "a$b_$"


@pytest.mark.parametrize(
    ("usable", "row", "cause"),
    [
        pytest.param(
            {}, {"damaged": "Corrupt JPEG data: premature end of data segment"}, "damaged inside", id="damaged"
        ),
        pytest.param({"luma_min": 20}, {"luma_mean": 5.0}, "too dark", id="too dark"),
        pytest.param({"luma_max": 200}, {"luma_mean": 250.0}, "too bright", id="too bright"),
        pytest.param({"sharpness_min": 10}, {"sharpness": 1.0}, "too blurred", id="blurred"),
    ],
)
def test_unusable_images_are_no_effort_and_the_report_says_why(empty_bucket, usable, row, cause):
    pipeline, done = seen(empty_bucket, {name(1): [], name(2): {**row, "detections": [box(CHROMIS)]}}, usable=usable)
    assert done.summary["result"]["balance"]["unusable"] == 1
    assert species(done)["Chromis chromis"]["detections"] == 0
    assert species(done)["Chromis chromis"]["images"] == 1
    assert f"1 {cause}" in report_of(pipeline, done)


def report_of(pipeline, done):
    return pipeline.stores.results.read_bytes(done.summary["folder"] + "report.html").decode()


def test_the_report_says_which_cameras_it_draws_and_where_its_days_begin(empty_bucket):
    images = {f"20260601-120000-IPC{number:02d}.jpg": [] for number in range(25)}
    html = report_of(*seen(empty_bucket, images, report={"zone": "Europe/Madrid"}))
    assert "The 24 cameras with most images are drawn, of 25." in html
    assert "midnight in Europe/Madrid" in html


def test_the_report_names_every_fate_and_not_by_which_run_an_image_was_examined(empty_bucket):
    html = report_of(*seen(empty_bucket, {name(1): []}))
    assert "1 examined, 0 changed, 0 gone, 0 archived, 0 denied, 0 unsettled, 0 pending" in html


def test_damaged_images_and_what_was_left_out_are_told_beside_the_numbers(empty_bucket):
    for key in ("._x.jpg", "film.mp4"):
        empty_bucket.put(key, b"x")
    damaged = (
        "Corrupt JPEG data: found marker 0xd4 instead of RST3",
        "Corrupt JPEG data: found marker 0xd9 instead of RST1",
    )
    rows = {name(1): [], **{name(n): {"damaged": words, "detections": []} for n, words in enumerate(damaged, 2)}}
    pipeline, done = seen(empty_bucket, rows)
    result = done.summary["result"]
    assert result["damaged_by_words"] == {"Corrupt JPEG data: found marker N instead of RSTN": 2}
    assert result["left_out"] == {
        "not_images": 1, "ignored": 1, "ignored_by": {"._*": 1}, "videos": {".mp4": 1}, "unread": {}, "below_images": 0,
    }  # fmt: skip
    told = [
        line for line in done.describe() if line.startswith(("2 images are damaged", "ignored 1: ._* 1", "not looked"))
    ]
    assert len(told) == 3
    page = pipeline.stores.results.read_bytes(done.summary["folder"] + "report.html").decode()
    assert all(f"{line[0].upper()}{escape(line[1:])}." in page for line in told)
    assert "0 archived, 0 denied" in page


def test_damaged_images_count_where_the_dataset_says_so(empty_bucket):
    rows = {name(1): [], name(2): {"damaged": "Corrupt JPEG data", "detections": [box(CHROMIS)]}}
    _, done = seen(empty_bucket, rows, usable={"damaged": True})
    assert done.summary["result"]["balance"]["unusable"] == 0
    assert species(done)["Chromis chromis"]["detections"] == 1


def test_a_count_at_max_det_is_censored_and_says_so(empty_bucket):
    pipeline, done = seen(empty_bucket, {name(1): {"detections": [box(CHROMIS)], "max_det_reached": True}, name(2): []})
    assert done.summary["result"]["censored_images"] == 1
    assert [row["censored_images"] for row in counts(pipeline, done)] == ["1", "0"] * 3


def test_a_tampered_answer_does_not_pass_verify(few_images):
    done = few_images.run()
    run_key, results = done.summary["run"]["run_key"], few_images.stores.results
    directory = done.key.split("/")[-4]

    def deviations():
        return few_images.verify(run_key, directory).deviations

    assert deviations() == ()
    changed = json.loads(json.dumps(done.summary))
    changed["result"]["species"][0]["detections"] += 1
    results.write_json(done.key, changed)
    assert any("does not have the sha256 beside it" in line for line in deviations())
    assert any("result: species recomputed" in line for line in deviations())
    results.write_json(done.key, done.summary)
    report = done.summary["folder"] + "report.html"
    whole = results.read_bytes(report)
    results.write_bytes(report, whole + b" ")
    [said] = deviations()
    assert said.startswith(
        f"G3: file report.html has another sha256 than the summary says - delete {report}, then clear "
    )
    results.write_bytes(report, whole)
    results.delete([done.summary["run"]["ledger"]])
    assert any(line.startswith("G1") for line in deviations())
