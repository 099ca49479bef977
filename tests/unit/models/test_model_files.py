"""A model of more than one file: weights beside the graph run as they do inside it, and whatever is wrong with them is one line."""

import shutil

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families import Understood
from shoal.contract.families.yolov8 import YOLOV8
from shoal.contract.inference import Inference
from shoal.contract.model_files import ModelFile
from shoal.contract.model_info import ModelInfo
from shoal.contract.onnx_file import read_onnx
from shoal.contract.outside_weights import need_plain_name
from shoal.models.release import ModelRelease
from shoal.models.trial import judge_model
from shoal.models.variant import Variant
from shoal_worker.detector import Detector
from shoal_worker.session import open_model
from worker.onnx_models import apart, grid_model

WEIGHTS_BYTES = 72
"""Six channels of three weights in 32 bits."""


@pytest.fixture
def version(tmp_path):
    """The folder of a version whose large tensors lie beside the graph, as exporters write those above 2 GB."""
    folder = tmp_path / "v1"
    folder.mkdir()
    graph, weights = apart(grid_model())
    assert len(weights) == WEIGHTS_BYTES
    (folder / "model.onnx").write_bytes(graph)
    (folder / "model.onnx.data").write_bytes(weights)
    return folder


def test_weights_beside_the_graph_find_what_weights_inside_it_find(version):
    judged = judge_model(version / "model.onnx")
    assert (judged.untried, [(file.name, file.size_bytes) for file in judged.files]) == (
        "",
        [("model.onnx.data", WEIGHTS_BYTES)],
    )
    opened = open_model((version / "model.onnx").read_bytes(), folder=version)
    shutil.rmtree(version)  # a worker keeps the folder no longer than it opens the model
    image, inference = np.full((64, 96, 3), 90, np.uint8), Inference((64, 96), rect=True)
    apart, inside = (Detector(model, inference).detect(image) for model in (opened, open_model(grid_model())))
    assert len(apart.confidence) > 0
    assert (apart.xyxy == inside.xyxy).all()


def _short(folder):
    (folder / "model.onnx.data").write_bytes(bytes(WEIGHTS_BYTES - 1))


def _linked(folder):
    (folder / "model.onnx.data").rename(folder.parent / "elsewhere")
    (folder / "model.onnx.data").symlink_to(folder.parent / "elsewhere")


def _replaced_by_a_folder(folder):
    (folder / "model.onnx.data").unlink()
    (folder / "model.onnx.data").mkdir()


def _with_shapes_outside(folder):
    model = onnx.load_from_string(grid_model())
    onnx.save(model, folder / "model.onnx", save_as_external_data=True, location="all.data", size_threshold=0)


def _of_no_operator_set(folder):
    model = onnx.load_model(folder / "model.onnx", load_external_data=False)
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    model.graph.node.append(helper.make_node("Fish", ["images"], ["unused"], domain="com.example"))
    (folder / "model.onnx").write_bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        pytest.param(
            lambda folder: (folder / "model.onnx.data").unlink(),
            r"weights in 'model\.onnx\.data', which is not beside it - .*; upload weights and card first, model\.onnx last$",
            id="not there",
        ),
        pytest.param(_short, "has 71 bytes and should have 72 - its upload may have broken off", id="too short"),
        pytest.param(_linked, "which is a link - put the file itself beside", id="a link"),
        pytest.param(_replaced_by_a_folder, "which is no file - put the file itself beside", id="a folder"),
        pytest.param(_with_shapes_outside, r"keeps shapes in another file, .*size_threshold=1024", id="shapes outside"),
        pytest.param(
            _of_no_operator_set, r"operator that ONNX Runtime does not have.*com\.example:Fish", id="no operator set"
        ),
    ],
)
def test_a_version_that_is_not_whole_is_refused_in_one_line(version, spoil, sentence):
    spoil(version)
    with pytest.raises(ModelRefusedError, match=sentence) as caught:
        judge_model(version / "model.onnx")
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelRefusedError, match=sentence):
        open_model((version / "model.onnx").read_bytes(), folder=version)


GRAPH, _ = apart(grid_model())


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, len(GRAPH) - 1), st.binary(max_size=3)), min_size=1, max_size=6))
def test_whatever_a_graph_says_of_its_weights_it_names_plain_files_or_is_refused(changes):
    data = bytearray(GRAPH)
    for place, put in changes:
        data[place : place + len(put)] = put
    try:
        outside = read_onnx(bytes(data)).outside
    except ModelRefusedError:
        return
    for name, least in outside.items():
        need_plain_name(name)
        assert least >= 0


UNDERSTOOD = Understood(YOLOV8, ModelInfo(("fish",), 32, (640, 640), None), None)
SHA256 = "ea687bf8b73768d270be6ac0a7c1aec893a266893c6d8312d51c0ff693018a6a"


def variant(*files):
    """That of docs/formats.md, with files beside its model."""
    release = ModelRelease("demo-fish", "v1", "demo-fish/v1/model.onnx", SHA256, UNDERSTOOD, files=files)
    return Variant(release, Inference((640, 640), rect=False, pipeline_version=1))


def test_a_model_of_one_file_keeps_the_identity_that_it_had():
    assert "files" not in variant().preimage
    assert variant().sha256 == "fd93d4e9a8f8a08cb130e405e85eb24bca63491e9320a3b8364d4b75e3f95030"


def test_every_file_of_a_model_is_part_of_its_identity():
    card, weights = ModelFile("model.yaml", "0" * 64, 9), ModelFile("model.onnx.data", "1" * 64, 9)
    assert variant(weights, card).preimage["files"] == {"model.onnx.data": "1" * 64, "model.yaml": "0" * 64}
    identities = {variant(*files).sha256 for files in ([], [card], [weights], [weights, card])}
    assert len(identities) == 4
    assert variant(weights, ModelFile("model.yaml", "2" * 64, 9)).sha256 not in identities
