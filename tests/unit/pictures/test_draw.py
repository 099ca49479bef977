"""Images of a store drawn in a process of their own: what comes of each, and what it may cost."""

import hashlib
import io
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from shoal.contract.errors import ConfigError, LoginRefusedError, StoreError
from shoal.pictures.draw import draw, sheet
from shoal.pictures.drawing import Box, Drawing, Drawn, PictureLimits
from shoal.pictures.process import NoPictureError, Painter
from shoal.stores.images import Fetched, ImageArchived, ImageChanged, ImageDenied, ImageGone
from worker.images import encoded, one_bit_png, photo, saved

PHOTO = photo()
JPEG = encoded(PHOTO, ".jpg")
FISH = Box(40, 60, 140, 120, "Coris julis", 2, 0.876, colour="#d55e00")


class Bucket:
    """A store that gives what it was filled with, and raises what it was told to."""

    def __init__(self, **objects):
        self.objects = objects
        self.asked = []

    def read(self, key, object_version, size_bytes):
        self.asked.append(key)
        found = self.objects[key]
        if isinstance(found, Exception):
            raise found
        return Fetched(found() if callable(found) else found, version_checked=True)


def drawn(objects, limits=PictureLimits(), boxes=(FISH,), **settings):  # noqa: B008 - frozen
    wanted = [
        Drawing(key, "v1", len(data) if isinstance(data, bytes) else 9, tuple(boxes), **settings)
        for key, data in objects.items()
    ]
    return list(draw(Bucket(**objects), wanted, limits))


def opened(one):
    assert one.why is None
    return Image.open(io.BytesIO(one.jpeg)).convert("RGB")


def scans_of_a_progressive_jpeg(count):
    """One whose last scan comes again and again, as nobody's camera writes it."""
    data = saved(Image.fromarray(PHOTO), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:]


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(Image.fromarray(PHOTO), "JPEG", exif=exif)


GOOD = {
    "jpeg": JPEG,
    "a key in any script: peça 海 #%?.jpg": JPEG,
    "progressive": saved(Image.fromarray(PHOTO), "JPEG", progressive=True),
    "cmyk": saved(Image.fromarray(PHOTO).convert("CMYK"), "JPEG"),
    "16 bits": encoded(PHOTO.astype(np.uint16) << 8, ".png"),
    "grey": saved(Image.fromarray(PHOTO).convert("L"), "PNG"),
    "a profile": saved(Image.fromarray(PHOTO), "JPEG", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()),
    "on its side": turned(),
}  # fmt: skip
BAD = {
    "empty": (b"", "empty"),
    "no image": (b"<?xml version='1.0'?><Error/>", "not_image: .*"),
    "half": (JPEG[: len(JPEG) // 2], "truncated: .*"),
    "a bomb": (one_bit_png(20_000, 20_000), r"too_large: 400000000 pixels, the limit is 100000000 \(model.pixel_limit\)"),
    "thousands of scans": (scans_of_a_progressive_jpeg(3000), r"too_complex: \d+ scans, the limit is 100 .*"),
}  # fmt: skip


def test_every_kind_of_image_is_drawn_and_every_bad_one_says_why():
    """In one process, one after another: none of the bad ones costs the next."""
    mixed = [*(("bad", name) for name in BAD), *(("good", name) for name in GOOD)]
    mixed.sort(key=lambda pair: pair[1])
    objects = {name: BAD[name][0] if kind == "bad" else GOOD[name] for kind, name in mixed}
    found = {one.drawing.key: one for one in drawn(objects)}
    assert list(found) == list(objects), "in the order asked"
    for name in GOOD:
        size = (300, 400) if name == "on its side" else (400, 300)
        assert (found[name].why, (found[name].width, found[name].height)) == (None, size), name
        picture = opened(found[name])
        assert max(picture.size) == 640
        near = np.asarray(picture.crop((60, 90, 72, 150)), int)
        assert (abs(near - (0xD5, 0x5E, 0x00)).sum(axis=2) < 60).any(), f"{name}: the line has the class's colour"
    for name, (_, why) in BAD.items():
        assert found[name].jpeg is None
        assert re.fullmatch(why, found[name].why), found[name].why


DOES_NOT_COME = {
    "gone": (ImageGone("gone"), "it is gone from the bucket since the run looked at it"),
    "changed": (
        ImageChanged("changed: ETag new, listed v1"),
        "it has changed since the run looked at it: ETag new, listed v1",
    ),
    "denied": (ImageDenied("no right"), "the store does not give it: no right"),
    "archived": (ImageArchived("It lies in an archive - restore"), "It lies in an archive - restore"),
    "in trouble": (StoreError("502\nfrom it"), "502 from it"),
}


def test_an_image_that_does_not_come_says_why_and_the_next_is_drawn():
    *rest, there = drawn({**{name: raised for name, (raised, _) in DOES_NOT_COME.items()}, "there": JPEG})
    assert {one.drawing.key: one.why for one in rest} == {name: why for name, (_, why) in DOES_NOT_COME.items()}
    assert {one.jpeg for one in rest} == {None}
    assert there.why is None


def test_other_bytes_of_the_same_size_are_told_where_the_store_tells_no_version():
    other = JPEG[:-3] + b"x" + JPEG[-2:]
    sha256 = hashlib.sha256(JPEG).hexdigest()
    same, changed = (
        next(draw(Bucket(a=data), [Drawing("a", "v1", len(JPEG), content_sha256=sha256)], PictureLimits()))
        for data in (JPEG, other)
    )
    assert same.why is None
    assert (
        changed.why
        == f"it has changed since the run looked at it: sha256 {hashlib.sha256(other).hexdigest()[:12]}, then {sha256[:12]}"
    )


def test_a_store_that_refuses_the_login_is_asked_once():
    bucket = Bucket(**{str(number): LoginRefusedError("wrong key - correct it") for number in range(20)})
    found = list(draw(bucket, [Drawing(key, "v1", 9) for key in bucket.objects], PictureLimits()))
    assert {one.why for one in found} == {"wrong key - correct it"}
    assert len(bucket.asked) <= 4, "those that were on their way"


def test_what_is_too_large_is_not_fetched_and_what_is_slow_is_given_up():
    release = threading.Event()
    bucket = Bucket(slow=lambda: release.wait(60) and JPEG, small=JPEG)
    wanted = [Drawing("large", "v1", 300 * 1024**2), Drawing("slow", "v1", 9), Drawing("small", "v1", len(JPEG))]
    try:
        large, slow, small = draw(bucket, wanted, PictureLimits(fetch_seconds=3.0))
    finally:
        release.set()
    assert large.why == "314572800 bytes, pictures are drawn of images up to 268435456"
    assert slow.why == "it did not come from its store within 3 s"
    assert (small.why, "large" in bucket.asked) == (None, False)


HANGS = """
import sys, time
from shoal.pictures.draw import draw
from shoal.pictures.drawing import Drawing, PictureLimits
from shoal.stores.kinds import open_store
from shoal.stores.s3_access import StoreAccess

source = open_store(StoreAccess(sys.argv[1], "key", "secret"), "images")
limits = PictureLimits(fetch_seconds=0.2)
print(*[one.why for one in draw(source, [Drawing(str(number), "v1", 9) for number in range(9)], limits)], sep="\\n", flush=True)
print(time.time(), flush=True)
"""


def test_the_end_of_a_process_waits_for_no_store_that_never_answers():
    """It takes connections and is silent; its client would ask it again and again for minutes."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        command = [sys.executable, "-c", HANGS, address]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folder for folder in sys.path if folder)}
        done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True, env=environment)
        ended = time.time()
    *whys, said_at = done.stdout.splitlines()
    late = "it did not come from its store within 0.2 s"
    assert whys == [late] * 3 + [f"{late}, nor did others before it"] * 6
    assert ended - float(said_at) < 30


def test_images_that_are_fetched_ahead_take_no_more_memory_than_one_may():
    class Slow(Bucket):
        def __init__(self):
            super().__init__(**{str(number): JPEG for number in range(12)})
            self.at_once, self.most, self.lock = 0, 0, threading.Lock()

        def read(self, key, object_version, size_bytes):
            with self.lock:
                self.at_once += size_bytes
                self.most = max(self.most, self.at_once)
            time.sleep(0.02)
            found = super().read(key, object_version, size_bytes)
            with self.lock:
                self.at_once -= size_bytes
            return found

    bucket = Slow()
    sizes = [60, 60, 10, 100, 10, 10, 10, 90, 5, 5, 5, 100]
    wanted = [Drawing(str(number), "v1", size) for number, size in enumerate(sizes)]
    assert {one.why for one in draw(bucket, wanted, PictureLimits(byte_limit=100))} == {None}
    assert bucket.most == 100, "the largest alone, the others together"


def count_starts(monkeypatch):
    starts, start = [], Painter._start

    def counting(painter):
        starts.append(painter)
        start(painter)

    monkeypatch.setattr(Painter, "_start", counting)
    return starts


def test_an_image_that_cost_the_painter_its_process_is_not_decoded_again(monkeypatch):
    """A report shows one image in several places; each would wait as long, and start another process."""
    starts = count_starts(monkeypatch)
    wanted = [Drawing(key, "v1", len(JPEG), crop=crop) for crop in (False, True) for key in ("one", "other")]
    found = list(draw(Bucket(one=JPEG, other=JPEG), wanted, PictureLimits(seconds=0.0)))
    assert [one.why for one in found] == ["not decoded and drawn within 0 s"] * 4
    assert len(starts) == 2
    again = list(draw(Bucket(one=JPEG), [wanted[0]], PictureLimits()))
    assert again[0].why is None, "another run tries it anew"


def test_where_nothing_can_be_painted_nothing_is_tried_or_fetched_again(tmp_path, monkeypatch):
    (tmp_path / "simplejpeg.py").write_text("raise ImportError('no', name='simplejpeg')\n")
    monkeypatch.syspath_prepend(tmp_path)
    starts, bucket = count_starts(monkeypatch), Bucket(**{str(number): JPEG for number in range(9)})
    found = list(draw(bucket, [Drawing(key, "v1", len(JPEG)) for key in bucket.objects], PictureLimits()))
    assert {one.why for one in found} == {
        "pictures need the worker's libraries (simplejpeg) - pip install 'shoal[worker]'"
    }
    assert len(starts) == 1
    assert len(bucket.asked) <= 4, "those that were on their way"


def test_a_picture_that_needs_more_memory_than_there_is_costs_itself_only():
    """60 million pixels are 180 MB as they are decoded."""
    large, small = drawn({"large": one_bit_png(10_000, 6_000), "small": JPEG}, PictureLimits(memory_bytes=96 * 1024**2))
    assert large.why in {
        "no room to decode or draw it in 96 MiB",
        "it ended the process that decodes it (signal SIGSEGV)",
    }
    assert small.why is None


def words():
    return {
        "do": "draw",
        "boxes": [],
        "crop": False,
        "long_side_px": 64,
        "quality": 80,
        "pixel_limit": 10**6,
        "scan_limit": 9,
    }


def test_a_process_that_stands_still_or_dies_is_replaced():
    patient = PictureLimits()
    with Painter(patient) as painter:
        painter.ask(words(), [JPEG])
        os.kill(painter._process.pid, signal.SIGSTOP)
        painter._limits = replace(patient, seconds=0.5)
        with pytest.raises(NoPictureError, match=r"not decoded and drawn within 0\.5 s"):
            painter.ask(words(), [JPEG])
        painter._limits = patient
        assert painter.ask(words(), [JPEG])[1] is not None
        pid = painter._process.pid
        os.kill(pid, signal.SIGSTOP)
        threading.Timer(0.2, os.kill, (pid, signal.SIGKILL)).start()
        with pytest.raises(NoPictureError, match=r"it ended the process that decodes it \(signal SIGKILL\)"):
            painter.ask(words(), [JPEG])
        assert painter.ask(words(), [JPEG])[1] is not None


def test_the_process_has_no_secret_and_ends_with_its_input(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SHOAL", "s3://key:secret@")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with Painter(PictureLimits()) as painter:
        painter.ask(words(), [JPEG])
        process = painter._process
        assert b"secret" not in Path(f"/proc/{process.pid}/environ").read_bytes()
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        assert not any(line.startswith("Max address space") and "unlimited" in line for line in limits.splitlines())
        process.stdin.close()
        process.wait(60)
        assert process.returncode == 0


def test_without_the_workers_libraries_every_picture_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "simplejpeg.py").write_text("raise ImportError('no', name='simplejpeg')\n")
    monkeypatch.syspath_prepend(tmp_path)
    (one,) = drawn({"a": JPEG})
    assert one.why == "pictures need the worker's libraries (simplejpeg) - pip install 'shoal[worker]'"
    with pytest.raises(ConfigError, match="sheet of 1 pictures was not made: pictures need the worker's libraries"):
        sheet([one], 1)


def test_a_sheet_has_a_field_for_each_picture_and_says_why_one_is_not_there():
    caption = "some/folder/20260601-120000 " + "x" * 80 + "\n2026-06-01T12:00:00Z · 0.88"
    tile = encoded(PHOTO[:150, :200], ".jpg")
    found = [
        Drawn(Drawing("a", "v1", 9, caption=caption), tile),
        Drawn(Drawing("half", "v1", 9, caption=caption), None, why="truncated: " + "words " * 200),
        Drawn(Drawing("b", "v1", 9), encoded(photo(90, 150), ".jpg")),
    ]
    whole = Image.open(io.BytesIO(sheet(found, 2, "Coris julis · by score")))
    assert whole.size == (2 * (200 + 10) + 10, 10 + 27 + 2 * (150 + 34 + 20)), (
        "two columns, two rows, captions and title"
    )
    assert whole.getpixel((405, 182)) == (225, 225, 225), "a grey field"
