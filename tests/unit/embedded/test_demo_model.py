import os
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest

from shoal.contract.inference import Inference
from shoal.embedded.samples.demo_model import VERSIONS, build_demo_model
from shoal.embedded.samples.scenes import LOOKS, demo_scenes, scene
from shoal.models.inspect import inspect_model
from shoal_worker.detector import Detector
from shoal_worker.session import open_model

CONF = 0.25


@pytest.fixture(scope="module", params=VERSIONS)
def version(request):
    return request.param


@pytest.fixture(scope="module")
def detector(version):
    model = open_model(build_demo_model(VERSIONS[version], version))
    return Detector(model, Inference(imgsz=(640, 640), rect=False, iou=0.7))


@pytest.fixture(scope="module")
def scenes():
    return list(demo_scenes())


def look_at(detector, jpeg, conf=CONF):
    """Detections as [(species, xyxy)]."""
    found = detector.detect(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR))
    sure = found.confidence > conf
    names = [detector.info.names[class_id] for class_id in found.class_id[sure]]
    return list(zip(names, found.xyxy[sure].tolist(), strict=True))


def differences(detector, photos, conf=CONF):
    """Photos where the counts by species are not the truth, of the species that the model knows."""
    wrong = {}
    for photo in photos:
        truth = Counter(fish.species for fish in photo.fish if fish.species in detector.info.names)
        found = Counter(species for species, _ in look_at(detector, photo.jpeg, conf))
        if found != truth:
            wrong[photo.key] = (found, truth)
    return wrong


def iou(one, other):
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    shared = np.prod(np.clip(high - low, 0, None))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / (areas - shared)


def test_counts_are_exact_in_every_demo_photo(detector, scenes):
    assert differences(detector, scenes) == {}


def test_nothing_is_found_between_the_lowest_stored_confidence_and_the_usual_one(detector, scenes):
    assert differences(detector, scenes[::10], conf=0.05) == {}


def test_counts_are_exact_in_crowded_photos_at_any_light(detector):
    means = dict.fromkeys(LOOKS, 4.0)
    photos = [scene(f"IPC608/crowd-{number}.jpg", means, light=number / 30) for number in range(30)]
    assert differences(detector, photos) == {}


def test_boxes_lie_on_the_fish(detector, scenes):
    for photo in scenes[::5]:
        found = look_at(detector, photo.jpeg)
        for fish in photo.fish:
            if fish.species in detector.info.names:
                assert max(iou(box, fish.xyxy) for species, box in found if species == fish.species) > 0.7


def test_the_second_version_sees_one_species_more(scenes):
    (new,) = set(VERSIONS["v2"]) - set(VERSIONS["v1"])
    assert VERSIONS["v2"][: len(VERSIONS["v1"])] == VERSIONS["v1"]
    assert any(fish.species == new for photo in scenes for fish in photo.fish)


def test_the_contract_accepts_what_the_file_says_of_itself(version, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(build_demo_model(VERSIONS[version], version))
    info = inspect_model(path).info
    assert info.names == VERSIONS[version]
    assert (info.stride, info.imgsz, info.fixed_hw) == (32, (640, 640), (640, 640))
    model = onnx.load(path)
    assert {entry.key: entry.value for entry in model.metadata_props}["version"] == version
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


def test_a_batch_gives_what_its_images_give_alone():
    session = ort.InferenceSession(build_demo_model(VERSIONS["v1"], "v1"))
    images = np.random.default_rng(0).random((3, 3, 640, 640), dtype=np.float32)
    images[1, :, 200:240, 300:380] = np.array(LOOKS["Coris julis"].rgb, np.float32)[:, None, None] / 255
    (together,) = session.run(None, {"images": images})
    alone = [session.run(None, {"images": images[i : i + 1]})[0] for i in range(3)]
    assert together.shape == (3, 7, 8400)
    assert np.array_equal(together, np.concatenate(alone))
    assert together[1, 6].max() > CONF


def test_the_same_arguments_give_the_same_bytes_and_a_version_is_part_of_them():
    species = VERSIONS["v1"]
    assert build_demo_model(species, "v1") == build_demo_model(species, "v1") != build_demo_model(species, "v1b")


@pytest.mark.skipif(
    "SHOAL_TEST_DATA" not in os.environ,
    reason="set SHOAL_TEST_DATA to a folder with obsea/*.jpg, real photos of the OBSEA observatory",
)
def test_real_photos_hold_no_painted_fish(detector):
    photos = sorted(Path(os.environ["SHOAL_TEST_DATA"], "obsea").glob("*.jpg"))
    assert photos
    assert {photo.name: look_at(detector, photo.read_bytes()) for photo in photos} == {
        photo.name: [] for photo in photos
    }
