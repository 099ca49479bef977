"""A biologist's real folder, once through everything as `make demo IMAGES=` does it: what other tools' users ran into, kind by kind.

The kinds are numbered as in the table of public reports that they were collected in; `HELD_BY` names where each is held.
"""

import io
import os
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from pipeline import Pipeline
from shoal.embedded.fill import prepare_folders
from shoal.embedded.home import Home
from shoal.embedded.own_files import OwnFiles
from shoal.embedded.processes.rclone import embedded_store
from shoal.results.ledger import find_sources
from shoal.results.stored_plan import StoredPlan
from shoal.settings.dataset_files import load_dataset
from shoal.settings.dataset_stores import open_stores
from shoal.summary.tables import build_tables
from shoal.tables.session import open_database

HERE = "stories/process/test_cases.py"
STORES = "stories/process/test_cases_of_stores.py"
HELD_BY = {
    1: f"{HERE}::test_what_is_no_photo_of_its_own_is_in_no_number",
    2: f"{HERE}::test_what_is_odd_is_said_before_anything_is_inferred",
    3: f"{HERE}::test_damaged_pixels_say_so_and_a_missing_end_marker_changes_no_box",
    4: f"{HERE}::test_damaged_pixels_say_so_and_a_missing_end_marker_changes_no_box",
    5: f"{HERE}::test_an_image_is_used_as_it_should_be",
    6: f"{HERE}::test_a_failure_has_its_word_and_what_helps",
    7: "unit/models/test_model_judge.py::test_what_only_onnx_runtime_refuses_is_refused_by_the_plan_too",
    8: "unit/models/test_model_judge.py::test_a_model_of_the_reports_runs",
    9: "unit/models/test_model_judge.py::test_strides_in_a_list_are_read",
    10: f"{HERE}::test_an_image_is_used_as_it_should_be",
    11: f"{HERE}::test_an_image_is_used_as_it_should_be",
    12: "unit/plan/test_plan.py::test_a_file_time_that_a_copy_lost_makes_no_name_a_future_one",
    13: "unit/plan/test_plan.py::test_ways_to_write_a_time",
    14: "unit/stores/test_s3_region.py::test_a_region_that_nobody_wrote_down_is_found_by_all_four",
    15: "unit/stores/test_four_readers.py::test_every_kind_of_login_is_read_with_by_all_four",
    16: f"{STORES}::test_16_images_that_are_not_given_hide_none_behind_them",
    17: f"{STORES}::test_17_a_listing_that_repeats_its_token_is_one_line",
    18: "stories/process/test_check.py::test_images_behind_a_thousand_hydrophone_files_are_found",
    19: f"{HERE}::test_the_report_says_what_helps",
    20: f"{STORES}::test_20_a_time_with_an_offset_is_stored_as_utc",
    21: f"{STORES}::test_21_a_busy_store_is_waited_for_and_one_that_stays_so_is_named",
    22: f"{HERE}::test_an_image_is_used_as_it_should_be",
}
"""Of each row of that table, the test that asks for its right value."""

CASES = Path(__file__).parents[2] / "fixtures" / "cases"
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)
TAKEN, OFFSET = 0x9003, 0x9011  # EXIF DateTimeOriginal, OffsetTimeOriginal


def photo(shade: int, kind: str = "JPEG", size: tuple[int, int] = (64, 48), **inner: str) -> bytes:
    """Draw a photo that no other one equals, with EXIF where it is given."""
    exif, file = Image.Exif(), io.BytesIO()
    if inner:
        exif.get_ifd(0x8769).update({TAKEN: inner["taken"]} | ({OFFSET: inner["offset"]} if "offset" in inner else {}))
    Image.new("RGB", size, (10 * shade, 90, 120)).save(file, kind, **({"exif": exif} if inner else {}))
    return file.getvalue()


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :]


def case(name: str) -> bytes:
    return (CASES / name).read_bytes()


FOLDER = {
    "01 card/DCIM/20260601-100000-CAM1.jpg": photo(1),
    "01 card/DCIM/._20260601-100000-CAM1.jpg": b"\0\5\26\7",
    "01 card/#recycle/20260601-110000-CAM1.jpg": photo(2),
    "01 card/Thumbs.db": b"x",
    "01 card/desktop.ini": b"x",
    "02 nas/20260601-100000-CAM2.jpg": photo(3),
    "02 nas/@eaDir/20260601-100000-CAM2.jpg/SYNOPHOTO_THUMB_XL.jpg": photo(4),
    "02 nas/20260601-110000-CAM2.jpg/medium.jpg": photo(5),
    "02 nas/Mac.photoslibrary/resources/derivatives/0/20260601-100000-CAM2_1_105_c.jpeg": photo(6),
    "03/20260601-100000-CAM3.jpg": case("block64.jpg"),
    "03/20260601-110000-CAM3.jpg": case("zeros.jpg"),
    "04/20260601-100000-CAM4.jpg": case("no-eoi.jpg"),
    "04/20260601-110000-CAM4.jpg": case("half.jpg"),
    "04/20260601-120000-CAM4.jpg": case("whole.jpg"),
    "05/20260601-100000-CAM5.png": case("big-text.png"),
    "05/20260601-110000-CAM5.png": case("text-crc.png"),
    "06/20260601-100000-CAM6.tif": case("float-rgb.tif"),
    "06/20260601-110000-CAM6.png": flipped(case("big-text.png"), -3000),
    "10/20260601-100000-CAM-1.jpg": photo(10),
    "10/20260601-100000-CAM-2.jpg": photo(11),
    "10 🐟/20260601-100000-Süd-Ost.jpg": photo(12),
    "11/20200101-000000-dump/20260602-100000-CAM11.jpg": photo(13),
    "12/20260603-100000-CAM12.jpg": photo(14),
    "13/RCNX0001.JPG": photo(15, taken="2026:06:01 10:00:00"),
    "13/GOPR0001.JPG": photo(16, taken="2026:06:01 10:00:00", offset="+02:00"),
    "13/20260601-240000-CAM13.jpg": photo(17),
    "13/IMG_0001.JPG": photo(18, taken="0000:00:00 00:00:00"),
    "13/IMG_0002.JPG": photo(19, taken="2106:06:01 10:00:00"),
    "13/IMG-20260601-WA0001.jpg": photo(20),
    "19/20260601-100000-CAM19.jpg": photo(21, size=(1200, 1000)),
    "22/20260601-100000-CAM22.gif": photo(22, "GIF"),
    "22/20260601-110000-CAM22.avif": photo(23, "AVIF"),
    "22/20260601-120000-CAM22.jfif": photo(24),
    "22/20260601-130000-CAM22.JPG": HEIC,
    "22/20260601-140000-CAM22.HEIC": HEIC,
    "22/20260601-150000-CAM22.NEF": b"x",
    "22/GH010001.MP4": b"x",
    "22/Auswertung 0,5.xlsx": b"x",
    os.fsdecode(b"old disk/20260601-100000-S\xfcd.jpg"): photo(25),
    os.fsdecode(b"old disk/20260601-100000-S\xe4d.jpg"): photo(26),
}
SHOWN = {
    os.fsdecode(b"old disk/20260601-100000-S\xfcd.jpg"): "old disk/20260601-100000-S\ufffd%FCd.jpg",
    os.fsdecode(b"old disk/20260601-100000-S\xe4d.jpg"): "old disk/20260601-100000-S\ufffd%E4d.jpg",
}
"""What the keys of files are whose names are no UTF-8."""


class Walked(NamedTuple):
    """What a run over the folder said: the plan's lines, what became of each image, and the report."""

    lines: list[str]
    images: dict[str, dict[str, Any]]
    report: str


@pytest.fixture(scope="module")
def walked(demo_models: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Walked:
    root = tmp_path_factory.mktemp("cases")
    home, photos = Home(root / "home"), root / "Sommer 2026"
    for key, data in FOLDER.items():
        path = photos / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for path in photos.rglob("*"):
        os.utime(path, (1_790_000_000, 1_790_000_000))  # what is written this very second is left for the next run
    os.utime(photos / "12/20260603-100000-CAM12.jpg", (315_532_800, 315_532_800))  # 1980, as FAT has it without a clock
    home.make()
    own = OwnFiles.read(None, photos, home)
    name = prepare_folders(home, own)
    model = home.bucket("demo-models") / "demo-fish/v1/model.onnx"
    model.parent.mkdir(parents=True)
    model.write_bytes(demo_models["v1"])
    with embedded_store(home.store, home.logs / "store.log") as access:
        dataset = load_dataset(home.datasets / f"{name}.yaml")
        pipeline = Pipeline(dataset, open_stores(dataset, lambda _: access)).with_settings(
            model={"name": "demo-fish", "version": "v1", "pixel_limit": 1_000_000}
        )
        plan = pipeline.plan()
        pipeline.infer(plan)
        done = pipeline.summarize(plan)
        assert done.balance.complete
        report = pipeline.stores.results.read_bytes(done.summary["folder"] + "report.html").decode()
        stored = StoredPlan.parse(plan.to_json())
        layout = pipeline.stores.layout.variant(plan.variant.directory)
        with open_database(pipeline.stores.results) as database:
            build_tables(database, stored, layout.run(plan.run_key), find_sources(database, layout, stored))
            records = database.records(
                "SELECT accounted.*, images.use FROM accounted LEFT JOIN images ON images.key = accounted.key"
            )
    return Walked(plan.describe(), {record["key"]: record for record in records}, report)


def at(day: int, hour: int) -> datetime:
    return datetime(2026, 6, day, hour)


@pytest.mark.parametrize(
    ("key", "use", "camera", "moment"),
    [
        pytest.param(
            "01 card/DCIM/20260601-100000-CAM1.jpg", "used", "CAM1", at(1, 10), id="1 a photo beside side files"
        ),
        pytest.param("02 nas/20260601-100000-CAM2.jpg", "used", "CAM2", at(1, 10), id="2 a photo beside its thumbnail"),
        pytest.param("03/20260601-100000-CAM3.jpg", "unusable", "CAM3", at(1, 10), id="3 overwritten inside"),
        pytest.param("03/20260601-110000-CAM3.jpg", "unusable", "CAM3", at(1, 11), id="3 zeros inside"),
        pytest.param("04/20260601-100000-CAM4.jpg", "used", "CAM4", at(1, 10), id="4 only the end marker is missing"),
        pytest.param("04/20260601-110000-CAM4.jpg", "failed", "CAM4", at(1, 11), id="4 half"),
        pytest.param("05/20260601-100000-CAM5.png", "used", "CAM5", at(1, 10), id="5 PNG with text above 1 MB"),
        pytest.param("05/20260601-110000-CAM5.png", "used", "CAM5", at(1, 11), id="5 PNG with a bad checksum in text"),
        pytest.param("06/20260601-100000-CAM6.tif", "failed", "CAM6", at(1, 10), id="6 a TIFF of floats"),
        pytest.param("10/20260601-100000-CAM-1.jpg", "used", "CAM-1", at(1, 10), id="10 a hyphen"),
        pytest.param("10/20260601-100000-CAM-2.jpg", "used", "CAM-2", at(1, 10), id="10 the other of the two"),
        pytest.param("10 🐟/20260601-100000-Süd-Ost.jpg", "used", "Süd-Ost", at(1, 10), id="10 an accent"),
        pytest.param(
            "11/20200101-000000-dump/20260602-100000-CAM11.jpg", "used", "CAM11", at(2, 10), id="11 a dated folder"
        ),
        pytest.param("12/20260603-100000-CAM12.jpg", "used", "CAM12", at(3, 10), id="12 a file of 1980"),
        pytest.param("13/RCNX0001.JPG", "used", "camera", at(1, 10), id="13 EXIF alone"),
        pytest.param("13/GOPR0001.JPG", "used", "camera", at(1, 8), id="13 EXIF with its offset"),
        pytest.param("13/20260601-240000-CAM13.jpg", "used", "CAM13", at(2, 0), id="13 midnight as 24:00:00"),
        pytest.param("13/IMG_0001.JPG", "undated", "camera", None, id="13 a clock never set"),
        pytest.param("13/IMG_0002.JPG", "undated", "camera", None, id="13 a clock in the future"),
        pytest.param("13/IMG-20260601-WA0001.jpg", "undated", "camera", None, id="13 WhatsApp: a date without a time"),
        pytest.param("22/20260601-100000-CAM22.gif", "used", "CAM22", at(1, 10), id="22 GIF"),
        pytest.param("22/20260601-110000-CAM22.avif", "used", "CAM22", at(1, 11), id="22 AVIF"),
        pytest.param("22/20260601-120000-CAM22.jfif", "used", "CAM22", at(1, 12), id="22 JPEG with Windows' ending"),
    ],
)
def test_an_image_is_used_as_it_should_be(walked, key, use, camera, moment):
    found = walked.images[key]
    assert (found["use"], found["camera"], found["captured_at"]) == (use, camera, moment)


@pytest.mark.parametrize(
    ("key", "reason", "words"),
    [
        pytest.param("04/20260601-110000-CAM4.jpg", "truncated", "175 of 360 rows", id="4 half a JPEG"),
        pytest.param("06/20260601-100000-CAM6.tif", "unsupported", "TIFF of a kind", id="6 a TIFF of floats"),
        pytest.param("06/20260601-110000-CAM6.png", "corrupt", "IDAT", id="6 a flipped bit"),
        pytest.param("19/20260601-100000-CAM19.jpg", "too_large", "limit is 1000000 (model.pixel_limit)", id="19 its size"),
        pytest.param("22/20260601-130000-CAM22.JPG", "unsupported", "HEIC: convert with `heif-convert", id="22 HEIC as .JPG"),
    ],
)  # fmt: skip
def test_a_failure_has_its_word_and_what_helps(walked, key, reason, words):
    found = walked.images[key]
    assert (found["fate"], found["reason"]) == ("failed", reason)
    assert words in found["detail"]


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("01 card/DCIM/._20260601-100000-CAM1.jpg", id="1 a Mac's side file"),
        pytest.param("01 card/#recycle/20260601-110000-CAM1.jpg", id="1 a recycle bin"),
        pytest.param("02 nas/@eaDir/20260601-100000-CAM2.jpg/SYNOPHOTO_THUMB_XL.jpg", id="2 a Synology thumbnail"),
        pytest.param(
            "02 nas/Mac.photoslibrary/resources/derivatives/0/20260601-100000-CAM2_1_105_c.jpeg", id="2 Apple Photos"
        ),
        pytest.param("22/20260601-140000-CAM22.HEIC", id="22 HEIC"),
    ],
)
def test_what_is_no_photo_of_its_own_is_in_no_number(walked, key):
    assert key not in walked.images


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("ignored 4: #recycle/ 1, **/resources/derivatives/ 1, ._* 1, @eaDir/ 1 - ", id="1 and 2 what is left out"),
        pytest.param("1 image lies in a folder named like an image", id="2 a thumbnail of a kind that is not known"),
        pytest.param("1 of 30 images has two different times in its key, such as '11/20200101", id="11 two dates"),
        pytest.param("not looked at: 2 photos in formats that source.suffixes does not name (.heic 1, .nef 1)", id="22 HEIC, raw"),
        pytest.param(
            '2 images have names that are no UTF-8 and will be denied: "old disk/20260601-100000-S\ufffd%E4d.jpg" - rename',
            id="names of an old disk",
        ),
        pytest.param("not looked at: 1 video (.mp4 1) - frames of one are made by ffmpeg", id="22 videos"),
    ],
)  # fmt: skip
def test_what_is_odd_is_said_before_anything_is_inferred(walked, words):
    assert any(words in line for line in walked.lines), "\n".join(walked.lines)


def test_damaged_pixels_say_so_and_a_missing_end_marker_changes_no_box(walked):
    for key in ("03/20260601-100000-CAM3.jpg", "03/20260601-110000-CAM3.jpg"):
        assert walked.images[key]["damaged"] == "Corrupt JPEG data: premature end of data segment"
    cut, whole = (walked.images[f"04/20260601-{hour}0000-CAM4.jpg"] for hour in (10, 12))
    assert cut["damaged"] is None
    assert cut["detections"] == whole["detections"] != []


def test_the_report_says_what_helps(walked):
    for words in ("limit is 1000000 (model.pixel_limit)", "HEIC: convert with `heif-convert", "2 damaged inside"):
        assert words in walked.report


def test_the_report_names_the_flag_of_each_undated_image_and_what_mends_it(walked):
    report = " ".join(unescape(walked.report).split())
    assert "<strong>4 images have no usable time</strong> (3 undated, 1 future) and are in no number above" in report
    assert "3 of 30 images have no time in their name nor in EXIF as far as it was read, such as '02 nas/" in report
    assert "has a time that is more than a day after it was last modified" in report
    assert "such as '13/IMG_0002.JPG'" in report
    assert "say in the dataset file where the date stands in a name" not in report


def test_every_image_has_one_fate(walked):
    assert sorted(walked.images) == sorted(SHOWN.get(key, key) for key in FOLDER if key not in NOT_LISTED)
    assert {found["fate"] for key, found in walked.images.items() if key in SHOWN.values()} == {"denied"}
    assert {found["fate"] for key, found in walked.images.items() if key not in SHOWN.values()} == {
        "processed",
        "failed",
    }


@pytest.mark.parametrize("row", range(1, 23))
def test_each_kind_is_held_by_a_test(row):
    file, _, name = HELD_BY[row].partition("::")
    assert f"\ndef {name}(" in (Path(__file__).parents[2] / file).read_text(encoding="utf-8")


NOT_LISTED = {
    "01 card/DCIM/._20260601-100000-CAM1.jpg",
    "01 card/#recycle/20260601-110000-CAM1.jpg",
    "01 card/Thumbs.db",
    "01 card/desktop.ini",
    "02 nas/@eaDir/20260601-100000-CAM2.jpg/SYNOPHOTO_THUMB_XL.jpg",
    "02 nas/Mac.photoslibrary/resources/derivatives/0/20260601-100000-CAM2_1_105_c.jpeg",
    "22/20260601-140000-CAM22.HEIC",
    "22/20260601-150000-CAM22.NEF",
    "22/GH010001.MP4",
    "22/Auswertung 0,5.xlsx",
}
