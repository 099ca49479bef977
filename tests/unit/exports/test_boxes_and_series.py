"""Exports of numbers and boxes: what is read back is the answer to the last box, whatever images, cameras and taxa are called."""

import csv
import json
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shoal.answers.columns import TABLES
from shoal.answers.find import find_run
from shoal.answers.where import Where
from shoal.contract.errors import ConfigError
from shoal.exports import yolo
from shoal.exports.export import Answer, find_afterwards
from shoal.exports.on_demand import Order, export_to_folder
from shoal.tables.session import open_database

ODD = [
    "=HYPERLINK(1)",
    'a,"b"',
    "tab\tline\nbreak\r",
    "\r",
    "next\x85line\x85",
    "ر\u202eيم",
    "🐟",
    "a.jpg",
    "A.jpg",
    "a.png",
    "a.txt/b",
    "../x",
    "/x",
    "é" * 450,
    "a" * 300,
]
NAMES = st.one_of(
    st.sampled_from(ODD),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=20),
)
KEYS = st.builds("{}{}".format, NAMES, st.sampled_from(["", ".jpg", ".JPG", ".png"]))
BOX = st.tuples(
    st.integers(0, 2),
    st.integers(5, 100),
    st.integers(0, 300),
    st.integers(0, 200),
    st.integers(301, 640),
    st.integers(201, 480),
)
IMAGE = st.tuples(
    st.sampled_from(["used", "used", "undated", "duplicate", "unusable", "failed"]), st.lists(BOX, max_size=4)
)


@pytest.fixture(scope="module")
def plan(hostile):
    return find_run(hostile.results, hostile.layout).plan


@pytest.fixture(scope="module")
def database():
    with open_database(None) as opened:
        yield opened


def fill(database, taxa, images):
    """Make the tables of an answer; gives back its result and the boxes that count, by taxon."""
    for table, columns in TABLES.items():
        database.run(
            f"CREATE OR REPLACE TABLE {table.replace('-', '_')} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})"
        )
    database.run("CREATE OR REPLACE VIEW around_images AS FROM images")
    for table in ("counts_day", "detections", "below"):
        database.run(f"CREATE OR REPLACE VIEW stored_{table} AS FROM {table}")
    seen, days = Counter(), {}
    at = datetime(2026, 6, 1)
    pictures, boxes = [], []
    for number, (key, (use, drawn)) in enumerate(images.items()):
        moment = None if use == "undated" else at + timedelta(days=number % 3)
        size = (None, None) if use == "failed" else (640, 480)
        pictures.append((key, "v1", use, "truncated" if use == "failed" else None, moment, *size))
        for position, (taxon, score, *corners) in enumerate([] if use == "failed" else drawn):
            name = taxa[taxon % len(taxa)]
            boxes.append((key, "v1", use, position, name, "count", score / 100, *corners))
            if use in {"used", "undated"}:
                seen[name] += 1
            if use == "used":
                days[moment, name] = days.get((moment, name), 0) + 1
    insert(database, "images", ("key", "object_version", "use", "reason", "captured_at", "width", "height"), pictures)
    insert(
        database,
        "detections",
        ("key", "object_version", "use", "position", "taxon", "role", "confidence", "x1", "y1", "x2", "y2"),
        boxes,
    )
    lines = [(taxon, moment, moment + timedelta(days=1), taxon, count, 1) for (moment, taxon), count in days.items()]
    insert(database, "counts_day", ("camera", "bin_start", "bin_end", "taxon", "detections", "images"), lines)
    species = [{"taxon": taxon} for taxon in taxa]
    model = {"name": "demo-fish", "version": "v1", "key": "k", "sha256": "0" * 64}
    used = Counter()
    for (_, taxon), count in days.items():
        used[taxon] += count
    result = {"dataset": "reef", "species": species, "model": model, "conf": 0.25, "variant_sha256": "0" * 64}
    return {**result, "settings": {"taxa": {}}}, seen, used


def insert(database, table, columns, rows):
    if rows:
        unnested = ", ".join("unnest(?)" for _ in columns)
        database.run(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {unnested}",
            [list(column) for column in zip(*rows, strict=True)],
        )


def read_coco(folder):
    data = json.loads((folder / "coco.json").read_text(encoding="utf-8"))
    names = {one["id"]: one["name"] for one in data["categories"]}
    images = {one["id"] for one in data["images"]}
    assert len({one["id"] for one in data["annotations"]}) == len(data["annotations"])
    results = json.loads((folder / "coco-results.json").read_text(encoding="utf-8"))
    assert [(one["image_id"], one["bbox"]) for one in results] == [
        (one["image_id"], one["bbox"]) for one in data["annotations"]
    ]
    assert {one["image_id"] for one in results} <= images
    return {one["file_name"] for one in data["images"]}, Counter(
        names[one["category_id"]] for one in data["annotations"]
    )


def read_megadetector(folder):
    data = json.loads((folder / "megadetector.json").read_text(encoding="utf-8"))
    assert data["info"]["format_version"] == "1.6"
    found = Counter()
    for image in data["images"]:
        assert (image["detections"] is None) == ("failure" in image)
        for box in image["detections"] or []:
            assert isinstance(box["conf"], float)
            assert all(0 <= value <= 1 for value in box["bbox"])
            found[data["detection_categories"][box["category"]]] += 1
    return {image["file"] for image in data["images"] if "failure" not in image}, found


def read_yolo(folder):
    names = yaml.safe_load((folder / "data.yaml").read_text(encoding="utf-8"))["names"]
    found, keys = Counter(), set()
    with (folder / "images.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            keys.add(line["key"])
            for label in (folder / "labels" / line["label"]).read_text(encoding="utf-8").splitlines():
                number, *place = label.split(" ")
                assert all(0 <= float(value) <= 1 for value in place)
                found[names[int(number)]] += 1
    assert len(keys) == sum(path.is_file() for path in (folder / "labels").rglob("*"))
    return keys, found


READERS = {"coco": read_coco, "megadetector": read_megadetector, "yolo": read_yolo}


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(taxa=st.lists(NAMES, min_size=1, max_size=3, unique=True), images=st.dictionaries(KEYS, IMAGE, max_size=12))
def test_what_is_read_back_is_the_answer_to_the_last_box(database, plan, taxa, images):
    result, seen, used = fill(database, taxa, images)
    answer = Answer(plan, True, result, {})
    held = {key for key, (use, _) in images.items() if use in {"used", "undated"}}
    for name, read in READERS.items():
        with TemporaryDirectory() as folder:
            written = find_afterwards(name, {}).write(database, answer, Path(folder), Where())
            keys, found = read(Path(folder))
            assert (keys, found) == (held, seen), name
            left = sum(count for what, count in written.not_held.items() if what.startswith("images"))
            failed = sum(use == "failed" for use, _ in images.values())
            assert left == len(images) - len(held) - (failed if name == "megadetector" else 0)
            assert sum(seen.values()) in written.rows.values()
    with TemporaryDirectory() as folder:
        find_afterwards("long", {}).write(database, answer, Path(folder), Where())
        with Path(folder, "long.csv").open(encoding="utf-8", newline="") as file:
            found = Counter()
            for line in csv.DictReader(file):
                assert line["camera"] == line["taxon"]
                found[line["taxon"]] += int(line["count"])
        assert found == used
        rows = duckdb.sql(f"SELECT taxon, sum(count)::BIGINT FROM '{folder}/long.parquet' GROUP BY 1").fetchall()
        assert Counter(dict(rows)) == used


@pytest.mark.parametrize("name", READERS)
def test_a_stored_answer_is_read_back_to_the_last_box(hostile, tmp_path, name):
    run, result = find_run(hostile.results, hostile.layout), hostile.done.summary["result"]
    with open_database(hostile.results) as opened:
        done = export_to_folder(
            opened, Order(run, hostile.pipeline.dataset, find_afterwards(name, {}), Where()), tmp_path / name
        )
    keys, found = READERS[name](tmp_path / name)
    told = Counter({one["taxon"]: one["detections"] for one in result["species"]})
    told.update({one["taxon"]: one["detections"] for one in result["undated_species"]})
    assert found == told != {}
    assert len(keys) == result["balance"]["used"] + result["balance"]["undated"]
    failed = {} if name == "megadetector" else {"images that failed": 1}
    not_held = {what: count for what, count in done.told["not_held"].items() if what.startswith("images")}
    assert not_held == {"images that are duplicates of others": 1, **failed}


@pytest.mark.parametrize("name", READERS)
def test_images_of_people_are_left_out_with_their_boxes_and_counted(database, plan, tmp_path, name):
    """Without their boxes they would be images of nobody, which a model learns from."""
    box = (1, 90, 0, 0, 301, 201)
    images = {
        "diver.jpg": ("used", [box, (0, *box[1:])]),
        "fish.jpg": ("used", [(0, *box[1:])]),
        "none.jpg": ("used", []),
    }
    result, *_ = fill(database, ["fish", "Diver"], images)
    database.run("UPDATE detections SET role = 'human' WHERE taxon = 'Diver'")
    written = find_afterwards(name, {}).write(database, Answer(plan, True, result, {}), tmp_path, Where())
    assert READERS[name](tmp_path) == ({"fish.jpg", "none.jpg"}, {"fish": 1})
    assert {what: count for what, count in written.not_held.items() if count} == {
        "images of people": 1,
        "boxes of people": 1,
    }
    assert 1 in written.rows.values()


def test_paths_of_megadetector_are_those_of_the_folder_that_timelapse_opens(database, plan, tmp_path):
    result, *_ = fill(
        database, ["x"], {"2026/A/1.jpg": ("used", []), "2026/A B/2.jpg": ("used", []), "3.jpg": ("failed", [])}
    )
    answer = Answer(plan, True, result, {})
    for relative_to in ("2026/A", "2026/A/"):
        (to := tmp_path / relative_to.replace("/", "_")).mkdir()
        written = find_afterwards("megadetector", {"relative_to": relative_to}).write(database, answer, to, Where())
        assert [image["file"] for image in json.loads((to / "megadetector.json").read_text())["images"]] == ["1.jpg"]
        assert written.not_held["images outside 2026/A/"] == 2
    with pytest.raises(ConfigError, match=r"--relative-to 2025: no key begins so"):
        find_afterwards("megadetector", {"relative_to": "2025"}).write(database, answer, tmp_path, Where())


def test_labels_are_named_after_their_images_where_a_folder_can_hold_that(database, plan, tmp_path):
    keys = [
        "A/1.jpg",
        "A/1.png",
        "a/1.JPG",
        "B/2.jpg",
        "B/2.txt/3.jpg",
        "../4.jpg",
        "x" * 260 + ".jpg",
        "renamed/5.jpg",
        "images/6.jpg",
        "C/images/7.jpg",
        "C./8.jpg",
        "C/9",
        "C/10.images.jpg",
    ]
    result, *_ = fill(database, ["x"], dict.fromkeys(keys, ("used", [])))
    find_afterwards("yolo", {}).write(database, Answer(plan, True, result, {}), tmp_path, Where())
    with (tmp_path / "images.csv").open(encoding="utf-8", newline="") as file:
        labels = {line["key"]: line["label"] for line in csv.DictReader(file)}
    assert {key: label for key, label in labels.items() if not label.startswith("renamed/")} == {
        "A/1.jpg": "A/1.txt",
        "B/2.jpg": "B/2.txt",
        "C/10.images.jpg": "C/10.images.txt",
    }


def test_a_box_that_reaches_out_of_its_image_is_cut_off_there(database, plan, tmp_path):
    """An image with a value above 1 is left out of a training as broken."""
    result, *_ = fill(database, ["x"], {"1.jpg": ("used", [(0, 90, -64, 120, 320, 600)])})
    find_afterwards("yolo", {}).write(database, Answer(plan, True, result, {}), tmp_path, Where())
    assert (tmp_path / "labels/1.txt").read_text() == "0 0.250000 0.625000 0.500000 0.750000\n"


def test_a_carriage_return_in_a_key_ends_no_line(database, plan, tmp_path):
    result, *_ = fill(database, ["x"], {"A/\r1.jpg": ("used", [])})
    find_afterwards("yolo", {}).write(database, Answer(plan, True, result, {}), tmp_path, Where())
    with (tmp_path / "images.csv").open(encoding="utf-8", newline="") as file:
        assert [line["key"] for line in csv.DictReader(file)] == ["A/\r1.jpg"]


def test_more_labels_than_a_folder_holds_are_asked_for_in_parts(database, plan, tmp_path, monkeypatch):
    result, *_ = fill(database, ["x"], {"1.jpg": ("used", []), "2.jpg": ("used", [])})
    monkeypatch.setattr(yolo, "MOST_FILES", 1)
    with pytest.raises(
        ConfigError, match=r"writes a file for each image, and 2 are more than 1 - take a part with --where"
    ):
        find_afterwards("yolo", {}).write(database, Answer(plan, True, result, {}), tmp_path, Where())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", READERS)
def test_an_image_of_other_taxa_is_not_empty_where_a_part_of_the_taxa_is_asked_for(database, plan, tmp_path, name):
    """Whoever trains with it would learn that nothing is there."""
    wrasse, bream = (0, 90, 1, 1, 310, 210), (1, 90, 1, 1, 310, 210)
    images = {"both.jpg": [wrasse, bream], "bream.jpg": [bream], "empty.jpg": [], "wrasse.jpg": [wrasse]}
    result, *_ = fill(database, ["wrasse", "bream"], {key: ("used", boxes) for key, boxes in images.items()})
    database.run("CREATE OR REPLACE TABLE all_detections AS FROM detections")
    database.run("CREATE OR REPLACE VIEW stored_detections AS FROM all_detections")
    database.run("DELETE FROM detections WHERE taxon <> 'wrasse'")
    written = find_afterwards(name, {}).write(
        database, Answer(plan, True, result, {}), tmp_path, Where(taxa=("wrasse",))
    )
    keys, found = READERS[name](tmp_path)
    assert (keys, found) == ({"both.jpg", "empty.jpg", "wrasse.jpg"}, {"wrasse": 2})
    assert written.not_held["images that show other taxa only"] == 1
    if name == "yolo":
        described = (tmp_path / "data.yaml").read_text(encoding="utf-8")
        assert described.startswith('# labels are of these classes only: ["wrasse"]\n')
        assert yaml.safe_load(described)["names"] == {0: "bream", 1: "wrasse"}, "numbers are those of the whole answer"


def test_a_line_break_of_any_kind_in_a_key_parts_no_line_of_the_list_of_labels(database, plan, tmp_path):
    keys = ["a\rb.jpg", "\r", "c\n.jpg"]
    result, *_ = fill(database, ["x"], dict.fromkeys(keys, ("used", [])))
    find_afterwards("yolo", {}).write(database, Answer(plan, True, result, {}), tmp_path, Where())
    assert read_yolo(tmp_path)[0] == set(keys)
