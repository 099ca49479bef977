"""`model.yaml` beside a model: what it says wins, and each mistake in it is one line that names the line to write."""

import sys
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.contract.errors import ConfigError, ModelRefusedError, one_line
from shoal.contract.model_card import Card
from shoal.contract.read_card import read_card
from shoal.models.inspect import inspect_model, read_graph
from shoal.models.trial import judge_model
from shoal_worker.session import open_model
from worker.onnx_models import constant_model

PLAIN = constant_model(metadata=dict.fromkeys(("names", "stride", "task", "imgsz")))
"""A graph without a word about itself: one input of any size, one output of 4 + 2 channels."""


@pytest.fixture
def carded(tmp_path):
    """Lays a card beside a model that says nothing of itself."""

    def lay(card, data=PLAIN):
        path = tmp_path / "model.onnx"
        path.write_bytes(data)
        (tmp_path / "model.yaml").write_bytes(card if isinstance(card, bytes) else card.encode())
        return path

    return lay


def test_a_card_says_what_the_file_does_not(carded):
    path = carded("family: yolov8\nnames: [Chromis chromis, 'no']\nimgsz: [480, 640]\nstride: 64\nlicence: CC-BY-4.0\n")
    judged = judge_model(path)
    assert judged.untried == ""
    info = judged.understood.info
    assert (info.names, info.imgsz, info.stride) == (("Chromis chromis", "no"), (480, 640), 64)
    assert [file.name for file in judged.files] == ["model.yaml"]
    assert open_model(path.read_bytes(), folder=path.parent).info == info


def test_a_card_wins_over_the_file_s_own_metadata(carded):
    path = carded("names: {1: crab, 0: fish}\nimgsz: 320\n", constant_model())
    info = inspect_model(path).info
    assert (info.names, info.imgsz, info.stride) == (("fish", "crab"), (320, 320), 32)


def test_every_field_is_read(carded):
    said = """
        family: yolov8
        names: [fish, crab]
        imgsz: 640
        stride: 32
        resize: stretch
        mean: [0.485, 0.456, 0.406]
        std: [0.229, 0.224, 0.225]
        outputs: {boxes: output0}
        background: -1
        licence: AGPL-3.0
        citation: >
            Ana and Bo (2026).
            A model of fish.
    """
    card = read_graph(carded(said)).card
    assert card == Card(
        "yolov8",
        ("fish", "crab"),
        (640, 640),
        32,
        "stretch",
        (0.485, 0.456, 0.406),
        (0.229, 0.224, 0.225),
        {"boxes": "output0"},
        -1,
        "AGPL-3.0",
        "Ana and Bo (2026). A model of fish.",
    )
    assert all(f"{field.name}:" in said for field in fields(Card))


def test_an_empty_card_says_nothing(carded):
    assert read_graph(carded("# names: [fish]\n")).card == Card()


BAD = {
    "no mapping": ("- fish\n", r"model\.yaml is no card: \['fish'\] stands there - write lines such as names:"),
    "no YAML": ("names: [fish\n", r"model\.yaml is not read: .* - write it as in docs/models\.md"),
    "no UTF-8": (b"names: [\xff]\n", r"model\.yaml is not read: .*"),
    "a name twice": ("stride: 32\nstride: 64\n", "stride stands twice in one mapping, in lines 1 and 2 - keep one"),
    "an alias bomb": (
        "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)),
        "stands for more than 100000 values",
    ),
    "too long": ("# " + "x" * 1_000_000, "it has more than 1000000 bytes"),
    "a tag": ("names: !!python/object/apply:os.system [id]\n", "is not read: .*could not determine a constructor"),
    "a near name": ("license: MIT\n", "has no field 'license' - did you mean licence?"),
    "another's file": ("nc: 80\ndepth_multiple: 0.33\n", "has no field 'nc' - there are family, names, imgsz,"),
    "a family that does not exist": (
        "family: yolo8\nnames: [a, b]\nimgsz: 640\n",
        "has family: yolo8, there are .*yolov8.* - write family: yolov8, or leave the line out",
    ),
    "a family like no other": ("family: '?'\n", r"has family: \?, there are .*yolov8.* - write one of these"),
    "a family that is not the graph's": (
        "family: yolov8\nnames: [a, b, c]\nimgsz: 640\n",
        "says family: yolov8, and as that: Model output has 6 channels, its 3 names need 7",
    ),
    "a line that its family has no use for": (
        "family: yolov8\nnames: [a, b]\nimgsz: 640\nbackground: 1\n",
        "says background, and family yolov8 has no use for it - leave it out",
    ),
    "a crop where boxes are asked for": (
        "family: yolov8\nnames: [a, b]\nimgsz: 640\nresize: centre_crop\n",
        "says resize, and family yolov8 has no use for it",
    ),
    "an output that its family finds by itself": (
        "family: yolov8\nnames: [a, b]\nimgsz: 640\noutputs: {boxes: output0}\n",
        "says which output is boxes, and family yolov8 does not ask: it finds its outputs by itself - leave it out",
    ),
    "an output that no family has": ("outputs: {masks: output0}\n", "no output is 'masks'; there are boxes, scores,"),
    "a class of two numbers that are one": (
        "names: {0: a, 0.0: b}\n",
        "0.0 stands twice .*, in lines 1 and 1 - keep one",
    ),
    "a class of two spellings": ("names: {0: a, 1: b, 01: c}\n", "01 stands twice in one mapping"),
    "a class that is a yes": ("names: {0: a, 1: b, yes: c}\n", "yes stands twice in one mapping"),
    "a class of no whole number": ("names: {0.0: a, 1.0: b}\n", "the numbers have a hole, or do not begin at 0"),
    "a tag that does not fit": (
        "family: !!bool x\n",
        "model\\.yaml is not read: 'x' in line 1 is no bool - correct it",
    ),
    "a number of nothing": ('imgsz: !!int ""\n', "'' in line 1 is no int"),
    "a float of nothing": ('stride: !!float ""\n', "'' in line 1 is no float"),
    "a float of words": ("stride: !!float x\n", "'x' in line 1 is no float"),
    "a day that is none": ("licence: !!timestamp foo\n", "'foo' in line 1 is no timestamp"),
    "a 30th of February": ("licence: 2026-02-30\n", "'2026-02-30' in line 1 is no timestamp"),
    "a tag for a key": ("!!bool x: 1\n", "'x' in line 1 is no bool"),
    "a yes of several": ("family: !!bool {=: x}\n", "is not read: .*"),
    "a size of 5000 digits": (f"imgsz: {'9' * 5000}\n", "the number in line 1 has 5000 digits, up to 100 are read"),
    "a size in sixties": (f"imgsz: {'1' + ':59' * 5000}\n", "the number in line 1 has 15001 digits"),
    "a mean above all floats": (f"mean: [1{'0' * 400}, 0, 0]\n", "the number in line 1 has 401 digits"),
    "a mean of 99 digits": (f"mean: [1{'0' * 98}, 0, 0]\nstd: [1, 1, 1]\n", r"each is of pixels in 0\.\.1"),
    "no names": ("family: yolov8\nimgsz: 640\n", r"no class names .* or write names: \[.*\] into model\.yaml"),
    "no size": ("family: yolov8\nnames: [a, b]\n", r"no imgsz .* into model\.yaml beside it, such as imgsz: "),
    "names that are no texts": ("names: [fish, no]\n", r"class 1 is False, no text .*quotes around"),
    "numbers with a hole": ("names: {0: fish, 2: crab}\n", "the numbers have a hole"),
    "names of nothing": ("names: []\n", r"has names: \[\] - write names:"),
    "half of a character": ('names: ["\\ud800"]\n', "class 0 is|is not read"),
    "a size of no number": ("imgsz: large\n", "has imgsz: 'large' - write imgsz: 640, or"),
    "a size of three": ("imgsz: [3, 640, 640]\n", r"write imgsz: 640, or \[height, width\]"),
    "a yes for a size": ("imgsz: yes\n", "has imgsz: True - write imgsz: 640"),
    "a size without end": ("imgsz: 1000000\n", "of 1 to 16384 px"),
    "a stride of nothing": ("stride: 0\n", "has stride: 0 - write a number of px from 1 to 1024"),
    "a resize that is none": ("resize: crop\n", "has resize: 'crop' - there are letterbox, stretch, centre_crop"),
    "a mean of 0 to 255": (
        "mean: [123.675, 116.28, 103.53]\nstd: [1, 1, 1]\n",
        r"divide those of 0\.\.255 by 255, as in mean: \[0\.485",
    ),
    "a mean of no number": ("mean: [.nan, 0, 0]\nstd: [1, 1, 1]\n", r"each is of pixels in 0\.\.1"),
    "a std of zero": ("mean: [0, 0, 0]\nstd: [0, 1, 1]\n", "so above 0 and up to 1"),
    "an infinite std": ("mean: [0, 0, 0]\nstd: [.inf, 1, 1]\n", "so above 0 and up to 1"),
    "two numbers": ("mean: [0, 0]\nstd: [1, 1, 1]\n", "write three numbers, of red, green and blue"),
    "a mean alone": ("mean: [0, 0, 0]\n", r"says mean and no std - write std: \[1, 1, 1\]"),
    "outputs that are a list": ("outputs: [dets]\n", "write what an output is and its name in the graph"),
    "an output of no kind": ("outputs: {box: dets}\n", "no output is 'box'; did you mean boxes"),
    "an output that is not there": (
        "outputs: {boxes: dets}\n",
        r"says that boxes are output 'dets', the graph has output0 - write outputs: \{boxes: output0\}",
    ),
    "a background that is no column": ("background: last\n", "has background: 'last' - write the number of a column"),
    "a background below the last": ("background: -2\n", "has background: -2 - write the number of a column"),
    "a citation without end": ("citation: " + "x" * 4001 + "\n", "write a text of up to 4000 characters"),
    "a licence of no text": ("licence: 2026-01-01\n", "has licence: .* - write a text of up to 200 characters"),
}


@pytest.mark.parametrize(("card", "sentence"), BAD.values(), ids=BAD)
def test_a_mistake_in_a_card_is_one_line_that_names_the_line_to_write(carded, card, sentence):
    path = carded(card)
    with pytest.raises(ModelRefusedError, match=sentence) as planned:
        inspect_model(path)
    assert str(planned.value) == one_line(planned.value, 500)
    with pytest.raises(ModelRefusedError) as opened:
        open_model(path.read_bytes(), folder=path.parent)
    assert str(opened.value) == str(planned.value)


def test_numbers_beyond_all_floats_are_no_mean():
    with pytest.raises(ModelRefusedError, match=r"each is of pixels in 0\.\.1"):
        read_card({"mean": [10**400, 0, 0], "std": [1, 1, 1]})


GREY = constant_model(metadata=dict.fromkeys(("names", "stride", "task", "imgsz")), colours=1)
SAID = "family: yolov8\nnames: [a, b]\nimgsz: 640\n"


@pytest.mark.parametrize(
    "pixels",
    [
        pytest.param("mean: [0.485, 0.456, 0.406]\nstd: [0.2, 0.2, 0.2]\n", id="mean"),
        pytest.param("mean: [0.4, 0.4, 0.4]\nstd: [0.229, 0.224, 0.225]\n", id="std"),
    ],
)
def test_a_grey_image_has_no_mean_of_three_colours(carded, pixels):
    with pytest.raises(
        ModelRefusedError, match=r"three colours, and the model takes one channel - write .* three times"
    ):
        inspect_model(carded(SAID + pixels, GREY))


def test_a_grey_image_may_have_a_mean_of_its_own(carded):
    info = inspect_model(carded(f"{SAID}mean: [0.4, 0.4, 0.4]\nstd: [0.2, 0.2, 0.2]\n", GREY)).info
    assert (info.channels, info.mean, info.std) == (1, (0.4, 0.4, 0.4), (0.2, 0.2, 0.2))


@pytest.mark.parametrize(
    ("card", "sentence"),
    [
        pytest.param(
            "imgsz: 640\n", r"has imgsz: \[640, 640\], the graph takes \[320, 320\] - write that", id="a size"
        ),
        pytest.param(
            "background: 1\n",
            r"has background: 1, and no output has such a column \(1 at most\) - write background: -1",
            id="a background that is no column",
        ),
    ],
)
def test_a_card_that_contradicts_the_graph_is_refused(carded, card, sentence):
    with pytest.raises(ModelRefusedError, match=sentence):
        inspect_model(carded(card, constant_model(hw=(320, 320), anchors=1)))


def test_a_card_where_no_yaml_is_installed_is_one_line(carded, monkeypatch):
    path = carded("names: [fish, crab]\n", constant_model())
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ConfigError, match=r"no PyYAML to read it with - pip install 'shoal\[worker\]'"):
        read_graph(path)
    (path.parent / "model.yaml").unlink()
    assert inspect_model(path).info.stride == 32, "a model without a card needs none"


def test_a_card_that_is_a_link_is_refused(carded):
    path = carded("names: [fish]\n")
    (path.parent / "model.yaml").rename(path.parent / "other.yaml")
    (path.parent / "model.yaml").symlink_to(path.parent / "other.yaml")
    with pytest.raises(ModelRefusedError, match=r"model\.yaml is a link - put the file itself beside the model"):
        read_graph(path)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.integers(-1, 3) | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from([field.name for field in fields(Card)]), VALUES, max_size=4) | VALUES)
def test_whatever_stands_in_a_card_it_is_read_or_refused_in_one_line(values):
    said = ""
    try:
        read_card(values)
    except ModelRefusedError as err:
        said = str(err)
    assert said == one_line(said, 500)
