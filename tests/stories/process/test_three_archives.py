"""What the clock says of three archives as people bring them: a card tree, a cabled observatory, and cards of action cameras."""

import io
from datetime import datetime, timedelta

import pytest
from PIL import Image

from clock_command import ask_clock
from shoal.preflight.steps import check_clock
from shoal.settings.analysis import Clock

NAME_THEN_EXIF = [{"pattern": Clock().pattern}, {"exif": True}]


def photo(taken, make, model):
    data, exif = io.BytesIO(), Image.Exif()
    exif[0x010F], exif[0x0110] = make, model
    exif.get_ifd(0x8769)[0x9003] = f"{taken:%Y:%m:%d %H:%M:%S}"
    Image.new("RGB", (64, 48), (taken.minute, taken.second, taken.hour)).save(data, "JPEG", exif=exif)
    return data.getvalue()


def traps():
    start = datetime(2026, 5, 3, 18)
    for n in range(8):
        yield (
            f"SITE-A01/DCIM/100RECNX/RCNX{n + 1:04}.JPG",
            photo(start + timedelta(minutes=17 * n), "RECONYX", "HYPERFIRE 2"),
        )
        yield (
            f"SITE-A02/DCIM/100EK113/0503{n + 1:04}.JPG",
            photo(start + timedelta(minutes=23 * n), "BUSHNELL", "119977C"),
        )


def observatory():
    start = datetime(2026, 4, 22)
    for n in range(8):
        for device in ("AXISQ6045MKII001", "SUBC1CAM17"):
            at = start + timedelta(hours=3 * n)
            yield f"{device}/{at:%Y/%m/%d}/{device}_{at:%Y%m%dT%H%M%S}.000Z.jpg", photo(at, "", device)


def gopros():
    start, reset = datetime(2026, 5, 3, 10), datetime(2000, 1, 1, 0, 0, 7)
    for n in range(8):
        yield (
            f"card 1/DCIM/100GOPRO/GOPR{n + 1:04}.JPG",
            photo(start + timedelta(seconds=30 * n), "GoPro", "HERO9 Black"),
        )
        yield (
            f"card 2/DCIM/100GOPRO/GOPR{n + 1:04}.JPG",
            photo(reset + timedelta(seconds=31 * n), "GoPro", "HERO9 Black"),
        )


@pytest.fixture
def ask(monkeypatch, capsys):
    """Runs the command on a pipeline's dataset; gives what it printed."""
    run = ask_clock(monkeypatch, capsys)
    return lambda pipeline, *words: run(pipeline, *words)[1]


def put(pipeline, archive):
    for key, data in archive():
        pipeline.put(key, data)


def test_a_tree_of_camera_traps_is_read_by_folder_and_exif(pipelines, ask):
    pipeline = pipelines().with_settings(clock=NAME_THEN_EXIF)
    put(pipeline, traps)
    assert "none of 16 sampled keys has a time, such as 'SITE-A01/DCIM/100RECNX/RCNX0001.JPG'; the answer takes those of EXIF" in check_clock(
        pipeline.dataset, pipeline.stores
    )  # fmt: skip
    printed = ask(pipeline, "--propose")
    assert (
        "entry 2: EXIF  3       SITE-A01  2026-05-03 18:00:00  2026-05-03 19:42:00  SITE-A01/DCIM/100RECNX/RCNX0001.JPG"
        in printed
    )
    assert (
        "entry 2: EXIF  3       SITE-A02  2026-05-03 18:23:00  2026-05-03 20:41:00  SITE-A02/DCIM/100EK113/05030002.JPG"
        in printed
    )


def test_an_observatory_s_names_say_camera_time_and_zone(pipelines, ask):
    pipeline = pipelines().with_settings(clock=NAME_THEN_EXIF)
    put(pipeline, observatory)
    printed = ask(pipeline, "--propose")
    assert "zone: UTC  # the keys say so" in printed
    assert "entry 1: name  8       AXISQ6045MKII001  2026-04-22 00:00:00  2026-04-22 21:00:00  AXIS" in printed
    assert "entry 1: name  8       SUBC1CAM17        2026-04-22 00:00:00  2026-04-22 21:00:00  SUBC" in printed


def test_a_card_whose_clock_lost_its_power_is_said_before_and_after_its_images_are_read(pipelines, ask):
    pipeline = pipelines().with_settings(clock=NAME_THEN_EXIF)
    put(pipeline, gopros)
    printed = ask(pipeline, "--propose")
    assert (
        "entry 2: EXIF  3       card 2  2000-01-01 00:00:38  2000-01-01 00:03:44  card 2/DCIM/100GOPRO/GOPR0002.JPG"
        in printed
    )
    assert "3 of 6 images have times from 2000-01-01T00:00:38Z on and none later in that year" in printed
    done = pipeline.run()
    (said,) = [sentence for sentence in done.stored.clock.odd if "New Year" in sentence]
    assert said == (
        "8 of 16 images have times from 2000-01-01T00:00:07Z on and none later in that year, such as 'card 2/DCIM/100GOPRO/GOPR0001.JPG', "
        "of camera camera: on a New Year's Day clocks begin that lost their power - where the true time is known, "
        "deployments[].offset moves it; a card whose camera no name tells apart needs its folder as (?P<camera>…)"
    )
