"""What every family's reader refuses or drops of a run: numbers that are no probabilities, no pixels, or of several images."""

import json

import numpy as np
import pytest

from shoal.contract.errors import ModelRefusedError
from shoal.contract.families import load_codec, understand
from shoal.contract.inference import Inference
from shoal.contract.model_card import Card
from shoal.contract.model_info import Graph, Tensor, resolve_imgsz
from shoal_worker.given import Given

FLOATS = "tensor(float)"
SIDE = 640


def graph_of(outputs, *, names=2, task="detect", card=None, open_shapes=True, **words):
    """A graph of one image whose outputs have these values, and shapes that it leaves open."""
    metadata = {"names": repr([f"c{number}" for number in range(names)]), "imgsz": f"[{SIDE}, {SIDE}]", **words}
    return Graph(
        metadata if task is None else {"task": task, **metadata},
        [Tensor("images", FLOATS, ("batch", 3, "height", "width"))],
        [
            Tensor(name, FLOATS, open_shape(name, values.shape) if open_shapes else ("batch", *values.shape[1:]))
            for name, values in outputs.items()
        ],
        card,
    )


def open_shape(name, shape):
    """All sides open; an export knows how many prototypes there are."""
    return ("batch", shape[1], "h", "w") if len(shape) == 4 else ("batch", *(f"{name}{side}" for side in shape[1:]))


def find(outputs, image_hw=(SIDE, SIDE), **graph):
    """What the family of a graph reads of a run with these outputs."""
    outputs = {name: np.asarray(values, np.float32) for name, values in outputs.items()}
    understood = understand(graph_of(outputs, **graph))
    info = understood.info
    codec = load_codec(understood)(
        graph_of(outputs, **graph), info, Inference(resolve_imgsz(info, None), info.rect, stored_conf=0.25)
    )
    return codec.found(outputs, (SIDE, SIDE), image_hw)


def columns(*anchors):
    return np.array(anchors, np.float32).T[None]


def rows(*boxes):
    return np.array(boxes, np.float32)[None]


PLACE = (320, 320, 64, 32)
CORNERS = (288, 304, 352, 336)
PART = (0.5, 0.5, 0.1, 0.05)


def outputs_with(score, other):
    """One box that scores as given, and a place with another score, in the way of each family."""
    prototypes = np.ones((1, 4, SIDE // 4, SIDE // 4))
    both = [(*PLACE, score, other), (100, 100, 20, 20, other, other)]
    chosen = [(*CORNERS, score, 0), (100, 100, 120, 120, other, 1)]
    return {
        "yolov8": ({"output0": columns(*both)}, {}),
        "yolov5": (
            {"output0": rows((*PLACE, score, 1, 0), (100, 100, 20, 20, other, 0, 0))},
            {"task": None, "stride": "32"},
        ),
        "YOLOv5's classes": (
            {"output0": rows((*PLACE, 1, score, 0), (100, 100, 20, 20, 1, other, 0))},
            {"task": None, "stride": "32"},
        ),
        "end_to_end": ({"output0": rows(*chosen)}, {"end2end": "True"}),
        "rtdetr": (
            {"output0": rows((*PART, score, 0), (*PART, other, 1))},
            {"head": "RTDETRDecoder"},
        ),
        "earlier rtdetr": (
            {"output0": rows((*PART, score, other, other), (*PART, other, other, other))},
            {"names": 3, "description": "Ultralytics rtdetr-l model"},
        ),
        "segment": (
            {"output0": columns(*(box + (1,) * 4 for box in both)), "output1": prototypes},
            {"task": "segment"},
        ),
        "segment, end to end": (
            {"output0": rows(*(box + (1,) * 4 for box in chosen)), "output1": prototypes},
            {"task": "segment", "end2end": "True"},
        ),
        "pose": ({"output0": columns(*(box + (9,) * 4 for box in both))}, {"task": "pose", "kpt_shape": "[2, 2]"}),
        "obb": ({"output0": columns(*((*box, 0) for box in both))}, {"task": "obb"}),
        "obb, end to end": ({"output0": rows(*((*box, 0) for box in chosen))}, {"task": "obb", "end2end": "True"}),
    }


FAMILIES = list(outputs_with(0, 0))


def find_one(family, score, other):
    outputs, how = outputs_with(score, other)[family]
    return find(outputs, **how)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("score", "other"),
    [pytest.param(7.5, 0, id="a score above 1"), pytest.param(0.9, -4.25, id="a place with nothing, below 0")],
)
def test_scores_of_a_graph_without_its_sigmoid_are_refused(family, score, other):
    lowest, highest = min(score, other, 0), max(score, 1 if "v5" in family.lower() else 0)
    with pytest.raises(
        ModelRefusedError, match=rf"gives scores from {lowest:.3g} to {highest:.3g}, probabilities from 0"
    ):
        find_one(family, score, other)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("score", [np.inf, -np.inf, np.nan])
def test_a_box_whose_score_is_no_number_is_dropped_and_the_rows_can_be_written(family, score):
    found = find_one(family, score, 0.0)
    json.dumps(found.to_columns(), allow_nan=False)
    assert len(found) == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_half_precision_may_round_a_score_beyond_1(family):
    assert find_one(family, 1.0005, 0.0).confidence.tolist() == pytest.approx([1.0005])


HEAD = {"head": "RTDETRDecoder"}
EARLIER = {"description": "Ultralytics rtdetr-l model"}


@pytest.mark.parametrize("open_shapes", [pytest.param(True, id="dynamic"), pytest.param(False, id="static")])
@pytest.mark.parametrize(
    ("names", "words", "queries", "class_id", "confidence"),
    [
        pytest.param(2, HEAD, [(0.9, 0), (0.8, 1)], [0, 1], [0.9, 0.8], id="score and class of two"),
        pytest.param(3, HEAD, [(0.9, 2), (0.8, 1)], [2, 1], [0.9, 0.8], id="score and class of three"),
        pytest.param(1, HEAD, [(0.9, 0), (0.1, 0)], [0], [0.9], id="score and class of one"),
        pytest.param(3, EARLIER, [(0.9, 2), (0.8, 1)], [2, 1], [0.9, 0.8], id="score and class, by the description"),
        pytest.param(3, EARLIER, [(0.1, 0.2, 0.9), (0.1, 0.3, 0.1)], [2, 1], [0.9, 0.3], id="a score for each class"),
        pytest.param(2, {"card": Card(family="rtdetr")}, [(0.1, 0.9), (0.3, 0.2)], [1, 0], [0.9, 0.3], id="by a card"),
    ],
)  # fmt: skip
def test_an_rt_detr_s_form_is_told_by_what_comes_out(  # noqa: PLR0917 - a table
    open_shapes, names, words, queries, class_id, confidence
):
    output = rows(*((*PART, *rest) for rest in queries))
    if not open_shapes:
        output = np.concatenate([output, np.zeros((1, 298, output.shape[2]), np.float32)], axis=1)
    found = find({"output0": output}, names=names, open_shapes=open_shapes, **words)
    assert (found.class_id.tolist(), found.confidence.tolist()) == (class_id, pytest.approx(confidence))


def test_an_rt_detr_of_two_classes_whose_words_lack_the_form_is_not_guessed():
    output = rows(*((*PART, 0.9, number % 2) for number in range(4)))
    with pytest.raises(
        ModelRefusedError, match="answers with score and class, as a later RT-DETR does, and its metadata"
    ):
        find({"output0": output}, card=Card(family="rtdetr"))


@pytest.mark.parametrize(
    "family", ["end_to_end", "yolov8", "yolov5", "segment", "segment, end to end", "pose", "obb", "obb, end to end"]
)
@pytest.mark.parametrize("count", [1, 2])
def test_boxes_in_parts_of_the_image_are_refused_where_pixels_are_read(monkeypatch, family, count):
    monkeypatch.setitem(globals(), "PLACE", (0.3, 0.2, 0.1, 0.1))
    monkeypatch.setitem(globals(), "CORNERS", (0.2, 0.1, 0.6, 0.4))
    outputs, how = outputs_with(0.9, 0)[family]
    along = 2 if outputs["output0"].shape[2] == 2 else 1
    if count == 1:
        outputs["output0"] = outputs["output0"].take([0], axis=along)
    with pytest.raises(
        ModelRefusedError, match="boxes in parts of the image, as RT-DETR does, and Shoal reads them as"
    ):
        find(outputs, **how)


@pytest.mark.parametrize(
    ("rows", "how", "message"),
    [
        pytest.param((300, 6), {"names": 296}, r"\[1, 300, 6\], its 296 names need \[1, 300, anchors\]", id="boxes"),
        pytest.param((300, 7), {"names": 295, "task": "obb"}, r"\[1, 300, 7\], its 295 names need", id="with an angle"),
    ],
)
def test_rows_of_chosen_boxes_are_not_read_as_channels_though_there_are_as_many(rows, how, message):
    with pytest.raises(ModelRefusedError, match=message):
        find({"output0": np.zeros((1, *rows))}, **how)


@pytest.mark.parametrize(
    ("card", "columns", "message"),
    [
        pytest.param(Card(background=7), 3, "has 3 columns of scores, model.yaml calls number 7 the background - write 0 to 2, or -1", id="none"),
        pytest.param(None, 3, "has 3 columns of scores for 2 names, and nothing says which stands for none - write into model.yaml beside it: background: -1", id="not said"),
        pytest.param(Card(background=0), 5, "has 5 columns of scores, one of them background, and 2 names - name 4 classes", id="too few names"),
    ],
)  # fmt: skip
def test_the_background_of_open_columns_is_checked_by_the_run(card, columns, message):
    with pytest.raises(ModelRefusedError, match=message):
        find({"dets": np.zeros((1, 9, 4)), "labels": np.zeros((1, 9, columns))}, task=None, card=card)


def test_the_last_column_is_the_background_where_a_card_says_so_of_open_columns():
    labels = np.full((1, 2, 3), -9, np.float32)
    labels[0, 0] = (-9, 3, 9)
    found = find({"dets": np.full((1, 2, 4), 0.25), "labels": labels}, task=None, card=Card(background=-1))
    assert (found.class_id.tolist(), found.confidence.tolist()) == ([1], pytest.approx([1 / (1 + np.exp(-3))]))


@pytest.mark.parametrize("family", FAMILIES)
def test_an_answer_for_several_images_is_called_so(family):
    outputs, how = outputs_with(0.9, 0)[family]
    several = {name: np.repeat(values, 4, axis=0) for name, values in outputs.items()}
    with pytest.raises(ModelRefusedError, match=r"an answer for 4 images where one was given - .* batch=1"):
        find(several, **how)


def test_a_batch_is_that_of_the_image_and_every_output_is_cut_to_the_first():
    sizes, images = Tensor("orig_target_sizes", "tensor(int64)", ("N", 2)), Tensor("images", FLOATS, (4, 3, 8, 8))
    graph = Graph({}, [sizes, images], [Tensor("boxes", FLOATS, (None, 9, 4)), Tensor("scores", FLOATS, (1, 9))])
    given = Given(graph)
    filled = given.inputs([{"images": np.ones((1, 3, 8, 8), np.float32), "orig_target_sizes": np.array([[8, 8]])}])
    assert {name: values.shape[0] for name, values in filled.items()} == {"images": 4, "orig_target_sizes": 4}
    (first,) = given.outputs(["boxes", "scores"], [np.zeros((4, 9, 4), np.float32), np.zeros((4, 9), np.float32)], 1)
    assert {name: values.shape for name, values in first.items()} == {"boxes": (1, 9, 4), "scores": (1, 9)}
