"""A few hundred generated files through the worker, once: each has the answer that reasoning or another reader gives."""

import io
from collections import Counter

import cv2
import numpy as np
import pytest
from PIL import Image

from shoal.contract.inference import Inference
from shoal.contract.rows import Status
from shoal.stores.images import Fetched
from shoal_worker.detector import Detector
from shoal_worker.examine import Examiner
from shoal_worker.image.decode import decode
from shoal_worker.ready import Ready
from shoal_worker.rows.parts import ListedImage, Stamp
from shoal_worker.session import open_model
from worker.generated_files import DAMAGED, WHOLE, generated_files, whole_files
from worker.onnx_models import constant_model

pytestmark = pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")  # Pillow's own word on a cut TIFF

FILES = {file.name: file for file in generated_files()}


class Folder:
    """A source that gives what was generated."""

    def read(self, key, object_version, size_bytes):
        return Fetched(FILES[key].data, version_checked=True)


@pytest.fixture(scope="session")
def rows():
    """The row of every file."""
    detector = Detector(open_model(constant_model()), Inference(imgsz=(64, 64), rect=True))
    examiner = Examiner(Folder(), detector, 10**8, Stamp("1", "20260101T000000Z-testtest", "attempt1"), scan_limit=500)
    rows = {}
    for file in FILES.values():
        prepared = examiner.prepare(ListedImage(file.name, "v", len(file.data)))
        rows[file.name] = examiner.finish(prepared) if isinstance(prepared, Ready) else prepared
    return rows


def test_there_are_hundreds_of_them_and_no_name_stands_twice(rows):
    assert len(generated_files()) == len(FILES) == len(rows) >= 300


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_a_file_has_its_right_answer(file, rows):
    row = rows[file.name]
    found = row.reason if row.status is Status.FAILED else DAMAGED if row.damaged else WHOLE
    assert found in file.right, (row.status, row.reason, row.detail, row.damaged)
    if row.status is Status.PROCESSED:
        assert (row.width, row.height) == file.size
        assert row.luma_mean is not None
    else:
        assert row.status is Status.FAILED
        assert row.detections is None


def by_pillow(data):
    with Image.open(io.BytesIO(data)) as image:
        deep = image.mode.startswith("I;16")
        picture = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)) if deep else image
        return np.asarray(picture.convert("RGB"))[..., ::-1].astype(int)


@pytest.mark.parametrize("file", [file for file in whole_files() if "A-" not in file.name], ids=lambda file: file.name)
def test_whole_pixels_are_those_that_pillow_reads(file):
    """Another reader: its own JPEG, WebP and AVIF builds may round by a few, and it upsamples colours in another way."""
    found = decode(file.data, 10**8).image.astype(int)
    assert np.abs(found - by_pillow(file.data)).mean() < 3


def test_all_reasons_of_bytes_occur(rows):
    reasons = Counter(str(row.reason) for row in rows.values() if row.reason)
    assert set(reasons) == {"empty", "not_image", "truncated", "corrupt", "too_large", "unsupported"}


def test_opencv_alone_agrees_on_what_is_no_image(rows):
    for name, row in rows.items():
        if row.reason in ("not_image", "empty"):
            data = np.frombuffer(FILES[name].data, np.uint8)
            assert not data.size or cv2.imdecode(data, cv2.IMREAD_COLOR) is None, name
