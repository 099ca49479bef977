import threading
from dataclasses import replace
from queue import Empty, SimpleQueue

import numpy as np
import pytest

from shoal.contract.rows import Status
from shoal.stores.images import Fetched, ImageDenied
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess
from shoal_worker.examine import Examiner
from shoal_worker.image.header import read_header
from shoal_worker.ready import Ready
from shoal_worker.rows.parts import ListedImage, Stamp
from shoal_worker.sight import Sight
from shoal_worker.tasks.detect import Detections
from worker.http_faults import faulty_store, status
from worker.images import white_jpeg

IMAGE = ListedImage("a.jpg", "e", 7)


def examiner_of(endpoint_url):
    source = S3Store(StoreAccess(endpoint_url, "accesskey123", "secretkey123456"), "fish")
    return Examiner(source, None, 10**8, Stamp("1", "20260101T000000Z-testtest", "attempt1"), scan_limit=500)


def test_an_object_in_an_archive_that_the_listing_did_not_tell_of_is_a_row():
    with faulty_store(status(403, "InvalidObjectState")) as (endpoint_url, _):
        row = examiner_of(endpoint_url).prepare(IMAGE)
    assert row.status == Status.DENIED
    assert "in an archive: restore it, then run again" in row.detail


def test_an_object_that_the_store_refuses_is_not_yet_a_row():
    said = r"denied \(KMS.DisabledException\) - .* kms:Decrypt"
    with (
        faulty_store(status(403, "KMS.DisabledException")) as (endpoint_url, _),
        pytest.raises(ImageDenied, match=said),
    ):
        examiner_of(endpoint_url).prepare(IMAGE)


class Tiled(Sight):
    """A model that looks at tiles: it keeps the image."""

    keeps_image, keeps_bytes, limit_s = True, False, None

    def frame(self, image, original):
        return image

    def detect_frame(self, frame, image_hw, noting):
        assert frame.shape[:2] == image_hw
        return Detections(np.empty(0, np.int32), np.empty(0, np.float32), np.empty((0, 4), np.float32), False)


class Served(Tiled):
    """A service: it is shown the image's own bytes."""

    keeps_image, keeps_bytes, limit_s = False, True, 10.0

    def frame(self, image, original):
        return original

    def detect_frame(self, frame, image_hw, noting):
        return super().detect_frame(np.empty((*image_hw, 3)), image_hw, noting)


@pytest.mark.parametrize("way_on", ["finished", "given up"])
@pytest.mark.parametrize(
    "sight", [pytest.param(Tiled, id="pixels for tiles"), pytest.param(Served, id="bytes for a service")]
)
def test_images_that_wait_hold_what_is_kept_of_them_until_they_are_looked_at(monkeypatch, sight, way_on):
    """Two of them would be more than one image may have: the second waits for the first."""
    data = white_jpeg()
    pixels = read_header(data, 10**8, 100).pixels
    image = replace(IMAGE, size_bytes=pixels)
    examiner = Examiner(None, sight(), pixels * 3 // 2, Stamp("1", "r", "attempt1"), scan_limit=100)
    monkeypatch.setattr(examiner, "_source", Given(data))
    first, second = examiner.prepare(image), SimpleQueue()
    threading.Thread(target=lambda: second.put(examiner.prepare(image)), daemon=True).start()
    with pytest.raises(Empty):
        second.get(timeout=0.3)
    if way_on == "finished":
        assert examiner.finish(first).status is Status.PROCESSED
    else:
        first.held.close()
    assert isinstance(second.get(timeout=60), Ready)


class Given:
    """A source of one image."""

    def __init__(self, data):
        self.data = data

    def read(self, key, object_version, size_bytes):
        return Fetched(self.data, version_checked=False)
