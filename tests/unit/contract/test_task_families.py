"""How models of the tasks beside plain boxes are understood, and what is said where names, task and outputs disagree."""

import pytest

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families import understand
from shoal.contract.families.box_outputs import find_boxes
from shoal.contract.model_card import Card
from shoal.contract.model_info import Graph, Resize, Tensor

FLOATS = "tensor(float)"
NAMES = "{0: 'fish', 1: 'crab'}"
PROTOTYPES = (1, 32, 160, 160)


def graph(task, *outputs, side=640, inputs=1, card=None, **metadata):
    return Graph(
        {"task": task, "names": NAMES, "imgsz": f"[{side}, {side}]", **metadata},
        [Tensor(f"images{number or ''}", FLOATS, (1, 3, side, side)) for number in range(inputs)],
        [Tensor(f"output{number}", FLOATS, shape) for number, shape in enumerate(outputs)],
        card,
    )


@pytest.mark.parametrize(
    ("model", "task"),
    [
        pytest.param(graph("segment", (1, 38, 8400), PROTOTYPES), "segment", id="segment"),
        pytest.param(graph("segment", PROTOTYPES, (1, 38, 8400)), "segment", id="outputs the other way round"),
        pytest.param(graph("segment", (1, 300, 38), PROTOTYPES, end2end="True"), "segment", id="segment, end to end"),
        pytest.param(graph("segment", ("b", "c", "a"), ("b", 32, "h", "w")), "segment", id="segment, dynamic"),
        pytest.param(graph("pose", (1, 57, 8400), kpt_shape="[17, 3]"), "pose", id="pose"),
        pytest.param(graph("pose", (1, 300, 40), kpt_shape="[17, 2]"), "pose", id="pose, end to end, two values"),
        pytest.param(graph("obb", (1, 7, 8400)), "obb", id="obb"),
        pytest.param(graph("obb", (1, 300, 7), end2end="True"), "obb", id="obb, end to end"),
        pytest.param(graph("classify", (1, 2), side=224, stride="1"), "classify", id="classify"),
        pytest.param(graph("detect", (1, 6, 8400)), "detect", id="boxes as before"),
    ],
)
def test_a_model_is_of_the_family_of_its_task(model, task):
    assert understand(model).family.task == task


def test_what_is_understood_of_it():
    pose = understand(graph("pose", (1, 57, 8400), kpt_shape="[17, 3]")).info
    assert (pose.keypoints, pose.resize) == ((17, 3), Resize.LETTERBOX)
    classifier = understand(graph("classify", (1, 2), side=224, stride="1")).info
    assert (classifier.resize, classifier.rect, classifier.stride) == (Resize.CENTRE_CROP, False, 1)


@pytest.mark.parametrize(
    ("shape", "metadata", "chosen"),
    [
        pytest.param((1, 7, 8400), {}, False, id="raw by its channels"),
        pytest.param((1, 300, 7), {}, True, id="chosen by its rows, though nothing says so"),
        pytest.param((1, 7, "a"), {"end2end": "True"}, True, id="as many rows as raw channels: words before shapes"),
        pytest.param((1, 7, 7), {}, True, id="both: no input is so small"),
        pytest.param(("b", "c", "a"), {}, False, id="open, nothing said"),
        pytest.param(("b", "c", "a"), {"end2end": "True"}, True, id="open, said to be end to end"),
        pytest.param(("b", "c", "a"), {"args": "{'nms': True}"}, True, id="open, exported with nms=True"),
        pytest.param(("b", "c", "a"), {"args": "{'nms': False}"}, False, id="open, exported with nms=False"),
    ],
)
def test_the_form_of_the_boxes_is_told_by_metadata_then_by_shape(shape, metadata, chosen):
    assert find_boxes(graph("obb", shape, **metadata), 2, 1, "an angle").chosen is chosen


@pytest.mark.parametrize(
    ("model", "message"),
    [
        pytest.param(
            graph("segment", (1, 38, 8400)),
            r"for segmentation and has no prototypes of masks \(outputs 1x38x8400; expected boxes and .*\) - export it",
            id="prototypes are missing",
        ),
        pytest.param(
            graph("segment", PROTOTYPES), r"has outputs 1x32x160x160, expected boxes of", id="boxes are missing"
        ),
        pytest.param(
            graph("segment", (1, 39, 8400), PROTOTYPES),
            r"has 39 channels, its 2 names and 32 mask coefficients need 38 .* names and weights do not belong together",
            id="another number of classes",
        ),
        pytest.param(
            graph("segment", (1, 6, 8400), PROTOTYPES),
            "has 6 channels, its 2 names and 32 mask",
            id="boxes without them",
        ),
        pytest.param(
            graph("segment", (1, 38, 8400), (1, 32, 80, 80)),
            "prototypes of 80 px along a side of 640 px, Shoal reads those of a quarter",
            id="prototypes of another size",
        ),
        pytest.param(
            graph("pose", (1, 57, 8400)), r"has kpt_shape 'None', expected \[key points, 2 or 3\]", id="no key points"
        ),
        pytest.param(
            graph("pose", (1, 57, 8400), kpt_shape="[17, 4]"),
            r"kpt_shape '\[17, 4\]', expected",
            id="points of 4 values",
        ),
        pytest.param(
            graph("pose", (1, 57, 8400), kpt_shape="[900000, 3]"), "with up to 500", id="more points than anything has"
        ),
        pytest.param(
            graph("pose", (1, 6, 8400), kpt_shape="[17, 3]"),
            "has 6 channels, its 2 names and 17 key points of 3 values need 57",
            id="boxes without points",
        ),
        pytest.param(graph("obb", (1, 6, 8400)), "has 6 channels, its 2 names and an angle need 7", id="no angle"),
        pytest.param(
            graph("classify", (1, 1000), side=224), "gives 1000 scores and names 2 classes", id="scores without names"
        ),
        pytest.param(
            graph("classify", (1, 6, 8400), side=224), r"is a classifier and has outputs 1x6x8400", id="no scores"
        ),
        pytest.param(
            graph("obb", (1, 7, 8400), end2end="True"),
            r"its graph chooses the boxes \(end2end or nms=True\), and its output \(1x7x8400\) has them all - export it",
            id="raw, and said to be chosen",
        ),
        pytest.param(graph("obb", (1, 7, 8400), inputs=2), r"has 2 inputs \(images, images1\)", id="two inputs"),
        pytest.param(graph("obb", (1, 7, 8400), names=""), "has no class names", id="no names"),
    ],
)
def test_what_cannot_be_run_is_one_line_of_its_own_family(model, message):
    with pytest.raises(ModelRefusedError, match=message) as caught:
        understand(model)
    assert "task" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_card_says_which_task_and_which_output():
    card = Card(family="segment", outputs={"boxes": "output2", "prototypes": "output1"})
    model = graph("", (1, 9, 8400), PROTOTYPES, (1, 38, 8400), card=card)
    assert understand(model).family.task == "segment"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        pytest.param(
            graph("pose", (1, 57, 8400), kpt_shape="[17, 3]", card=Card(resize="stretch")),
            "model.yaml says resize, and family pose has no use for it - leave it out",
            id="a pose model that is not letterboxed",
        ),
        pytest.param(
            graph("classify", (1, 2), side=224, card=Card(resize="letterbox")),
            "model.yaml says resize, and family classify has no use for it",
            id="a classifier that is",
        ),
    ],
)
def test_a_card_that_asks_for_what_the_task_cannot_do_is_refused(model, message):
    with pytest.raises(ModelRefusedError, match=message):
        understand(model)


def test_a_card_that_names_the_family_overrules_the_words_of_a_static_raw_output():
    assert not find_boxes(graph("obb", (1, 7, 8400), end2end="True", card=Card(family="obb")), 2, 1, "an angle").chosen


def test_what_a_card_says_of_the_input_is_kept():
    card = Card(resize="stretch", mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    info = understand(graph("classify", (1, 2), side=224, stride="1", card=card)).info
    assert (info.resize, info.mean, info.std) == (Resize.STRETCH, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
