"""`clock`: what a dataset's clock reads in a real bucket, and a clock proposed from keys and EXIF, as a person sees it."""

import io
from datetime import datetime, timedelta

import pytest
import yaml
from PIL import Image

from clock_command import ask_clock
from shoal.settings.analysis import Clock
from shoal.stores.s3 import S3Store

START = datetime(2026, 5, 3, 10)


@pytest.fixture
def ask(monkeypatch, capsys):
    """Runs the command on a pipeline's dataset; gives its status and what it printed."""
    return ask_clock(monkeypatch, capsys)


def photo(taken=None):
    data, exif = io.BytesIO(), Image.Exif()
    exif[0x0110] = "HERO9 Black"
    if taken is not None:
        exif.get_ifd(0x8769)[0x9003] = f"{taken:%Y:%m:%d %H:%M:%S}"
    Image.new("RGB", (32, 24)).save(data, "JPEG", exif=exif)
    return data.getvalue()


def proposed(printed):
    """The proposal, as it is after somebody pasted it into a dataset file."""
    text = printed[printed.index("\nclock:\n") :]
    return Clock.model_validate(yaml.safe_load(text.split("\n\n")[0])["clock"])


def test_the_table_tells_how_many_keys_were_looked_at(few_images, ask):
    status, printed = ask(few_images, "--keys", "5")
    assert status == 0
    assert printed.splitlines()[0] == "5 images among the first 5 objects (there are more: --keys)"
    assert "entry 1: name  5       IPC608  2026-06-02" in printed
    assert "12 images among the first 12 objects (all there are)" in ask(few_images)[1]
    assert (
        "proposed for the dataset file: reads 12 of 12 keys, as many as the dataset's clock"
        in ask(few_images, "--propose")[1]
    )


def test_a_clock_that_reads_no_more_keys_and_fewer_cameras_is_not_proposed(pipelines, ask):
    """`A` and `B` may be kinds of pictures to who knows keys alone; the dataset's own clock says that they are cameras."""
    pipeline = pipelines(clock={"pattern": r"(?P<time>\d{8}-\d{6})-(?P<camera>[A-Z]+)"})
    for day in range(1, 10):
        for camera in "AB":
            pipeline.put(f"202606{day:02}-060000-{camera}.jpg", b"x")
    pipeline.put("no date.jpg", b"x")
    status, printed = ask(pipeline, "--propose")
    assert (
        "no clock is proposed: what was found in the keys reads no more of them than the dataset's clock (18 of 19)"
        in printed
    )
    assert "and fewer cameras than its 2" in printed
    assert (status, "\nclock:\n" in printed) == (1, False)
    status, printed = ask(pipeline.with_settings(clock={"pattern": "(?P<time>never)"}), "--propose")
    assert (status, "proposed for the dataset file: reads 18 of 19 keys" in printed) == (0, True)


def test_a_card_of_exif_alone_is_proposed_as_exif(pipelines, ask):
    pipeline = pipelines()
    for number in range(8):
        pipeline.put(f"DCIM/100GOPRO/GOPR{number:04}.JPG", photo(START + timedelta(minutes=number)))
    status, printed = ask(pipeline)
    assert status == 1
    assert "8 of 8 images have no time in their name, such as 'DCIM/100GOPRO/GOPR0000.JPG'" in printed
    status, printed = ask(pipeline, "--propose")
    assert status == 0
    assert [entry.exif for entry in proposed(printed).entries] == [True]
    assert "EXIF of 6 images was read, 6 have a time" in printed
    assert "entry 1: EXIF  6       camera  2026-05-03 10:00:00  2026-05-03 10:07:00" in printed
    assert "cameras by EXIF: HERO9 Black" in printed
    assert "6 of these times have no offset: zone says where the clock stood" in printed


def test_folders_of_cameras_are_proposed_beside_exif(pipelines, ask):
    pipeline = pipelines()
    for camera in ("CAM-F01", "CAM-F02"):
        for number in range(6):
            pipeline.put(f"{camera}/100RECNX/IMG_{number:04}.JPG", photo(START + timedelta(minutes=number)))
    status, printed = ask(pipeline, "--propose")
    assert status == 0
    assert [(entry.exif, entry.pattern) for entry in proposed(printed).entries] == [
        (False, "(?P<time>)(?P<camera>[^/]+)/[^/]+/[^/]*$"),
        (True, Clock().pattern),
    ]
    assert "entry 2: EXIF  3       CAM-F01  2026-05-03 10:00:00  2026-05-03 10:04:00" in printed
    assert "entry 2: EXIF  3       CAM-F02  2026-05-03 10:01:00  2026-05-03 10:05:00" in printed


def test_names_and_exif_are_proposed_together_and_paste_into_the_file(pipelines, ask):
    pipeline = pipelines()
    for number in range(6):
        taken = datetime(2020, 5, 3) + number * timedelta(hours=7)
        pipeline.put(f"REEF'1/{taken:%Y-%m-%d %H.%M.%S}.jpg", photo())
        pipeline.put(f"REEF'2/{taken:%Y-%m-%d %H.%M.%S}.jpg", photo())
    pipeline.put("GOPR0001.JPG", photo(START))
    status, printed = ask(pipeline, "--propose")
    clock = proposed(printed)
    assert status == 0
    assert [(entry.exif, entry.format) for entry in clock.entries] == [
        (False, "%Y-%m-%d %H.%M.%S"),
        (True, Clock().format),
    ]
    assert "EXIF of 1 images was read, 1 have a time" in printed
    other = pipeline.with_settings(clock=clock.model_dump(mode="json"))
    assert "entry 1: name  6       REEF'1  2020-05-03 00:00:00  2020-05-04 11:00:00" in ask(other)[1]


def test_nothing_is_proposed_where_neither_names_nor_exif_tell_a_time(pipelines, ask):
    pipeline = pipelines()
    for number in range(3):
        pipeline.put(f"IMG_{number:04}.JPG", photo())
    pipeline.put("IMG_9999.JPG", b"no image")
    status, printed = ask(pipeline, "--propose")
    assert status == 1
    assert "no clock is proposed: no time was found in the keys, nor in EXIF of those read" in printed


def test_what_the_keys_leave_open_is_a_choice_and_no_proposal(pipelines, ask):
    pipeline = pipelines()
    for number in range(6):
        pipeline.put(f"{datetime(2020, 3, 1) + number * timedelta(hours=7):%d-%m-%Y_%H.%M.%S}.jpg", photo())
    _, printed = ask(pipeline, "--propose")
    assert "the keys do not tell which of these is right: 2 to choose from, none is proposed" in printed
    assert (
        "choice 1, where '01-03-2020_00.00.00' of '01-03-2020_00.00.00.jpg' is 2020-03-01 00:00:00: reads 6 of 6 keys"
        in printed
    )
    assert (
        "choice 2, where '01-03-2020_00.00.00' of '01-03-2020_00.00.00.jpg' is 2020-01-03 00:00:00: reads 6 of 6 keys"
        in printed
    )


def test_an_image_that_is_gone_before_its_exif_is_read_stops_nothing(pipelines, ask, monkeypatch):
    pipeline = pipelines()
    for number in range(3):
        pipeline.put(f"GOPR{number:04}.JPG", photo(START))
    find = S3Store.find_bytes

    def find_or_delete(store, key, most=None):
        if key == "GOPR0001.JPG":
            store.delete([key])
        return find(store, key, most)

    monkeypatch.setattr(S3Store, "find_bytes", find_or_delete)
    assert "EXIF of 2 images was read, 2 have a time" in ask(pipeline, "--propose")[1]
