"""Model files that somebody made for a purpose of his own: each is refused in one line, by plan and worker alike, within seconds."""

import subprocess
import sys
import time
from functools import partial

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from shoal.contract.errors import ModelRefusedError, one_line
from shoal.contract.families import understand
from shoal.contract.model_info import read_names
from shoal.contract.onnx_file import read_onnx
from shoal.contract.outside_weights import read_outside
from shoal.contract.protobuf import Messages, NoMessageError
from shoal.models import trial
from shoal.models.inspect import inspect_model
from shoal.models.trial import judge_model
from shoal_worker.session import open_model
from worker.hostile_models import PLAIN, deep, elsewhere, field, reaching_models
from worker.onnx_models import constant_model
from worker.processes import worker_env


def test_a_tensor_in_another_file_is_refused_wherever_it_stands_and_whatever_it_names(tmp_path, monkeypatch):
    """A path is refused by everybody; a plain name where no folder was given that holds the model's files and no other."""
    monkeypatch.chdir(tmp_path)
    for name in PLAIN:
        (tmp_path / name).write_bytes(bytes(16))  # it is there: only a judge keeps it from being read
    (tmp_path / "version").mkdir()
    for place, location, data in reaching_models():
        said = f"Model keeps weights in another file, '{location}', "
        if location in PLAIN:
            assert read_onnx(data).outside == {location: 16}, place
            with pytest.raises(ModelRefusedError) as caught:
                open_model(data)
            assert str(caught.value).startswith(f"{said}and was given without"), place
            with pytest.raises(ModelRefusedError, match=f"keeps weights in '{location}', which is not beside it"):
                open_model(data, folder=tmp_path / "version")
        else:
            for judge in (read_onnx, open_model, partial(open_model, folder=tmp_path / "version")):
                with pytest.raises(ModelRefusedError) as caught:
                    judge(data)
                assert str(caught.value).startswith(f"{said}which is no plain name of a file beside it - "), place


@pytest.mark.parametrize(
    "location",
    [
        *(
            "..",
            ".",
            "../model.onnx.data",
            "a/b",
            "a\\b",
            "/etc/passwd",
            "./w",
            "w/",
            ".hidden",
            " w",
            "w ",
            "w.",
            "C:w",
        ),
        *("w\0", "w\n", "w\u202e", "\u2028", "w" * 201, "ä" * 101, "*/_ORT_MEM_ADDR_/*", "w?", "file://w"),
    ],
)
def test_a_name_that_is_no_plain_one_is_refused(location):
    model = onnx.load_from_string(constant_model())
    model.graph.initializer.append(elsewhere(location))
    with pytest.raises(ModelRefusedError, match="is no plain name of a file beside it") as caught:
        read_onnx(model.SerializeToString())
    assert str(caught.value) == one_line(caught.value, 300)


@pytest.mark.parametrize("location", ["model.onnx", "MODEL.ONNX", "model.yaml"])
def test_graph_and_card_are_no_files_of_weights(location):
    model = onnx.load_from_string(constant_model())
    model.graph.initializer.append(elsewhere(location))
    with pytest.raises(ModelRefusedError, match="which is no file of weights"):
        read_onnx(model.SerializeToString())


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        pytest.param(
            [("location", "w"), ("location", "v")], "says 'location' of it, unknown or said before", id="two names"
        ),
        pytest.param([("location", "w"), ("basepath", "/etc")], "says 'basepath' of it", id="a folder of its own"),
        pytest.param(
            [("location", "w"), ("offset", "-1")], "'w', at offset '-1', no number of bytes", id="before its begin"
        ),
        pytest.param(
            [("location", "w"), ("length", "9" * 19)], "at length '9{19}', no number of bytes", id="a length of 2^63"
        ),
    ],
)
def test_a_place_in_another_file_that_only_onnx_runtime_would_understand_is_refused(entries, sentence):
    model = onnx.load_from_string(constant_model())
    tensor = elsewhere("")
    for key, value in entries:
        tensor.external_data.add(key=key, value=value)
    model.graph.initializer.append(tensor)
    with pytest.raises(ModelRefusedError, match=sentence):
        read_onnx(model.SerializeToString())


LOCATION = b"\x0a\x08location"
"""An entry's key: field 1, a text of 8 bytes."""


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(LOCATION + b"\x12\x01w\x11" + b"/etc/pwd", id="its value again, as a number"),
        pytest.param(LOCATION + b"\x12\x01w\x12\x01v", id="its value twice"),
        pytest.param(LOCATION + b"\x0a\x06offset\x12\x01w", id="its key twice"),
        pytest.param(b"\x08\x07\x12\x01w", id="a key that is a number"),
    ],
)
def test_what_parsers_may_read_in_two_ways_of_another_file_is_refused(entry):
    tensor = b"\x08\x04\x10\x01" + b"\x6a" + bytes([len(entry)]) + entry + b"\x70\x01"
    messages = Messages(tensor, 1000)
    with pytest.raises(ModelRefusedError, match="says twice, or in no text, what is said once of it"):
        read_outside(messages, 0, len(tensor))


def test_a_field_of_a_number_beyond_32_bits_is_none():
    """`0xf2 … 0x10` is field 14 to whoever drops bit 32, and a field nobody knows to others."""
    hidden = b"\xf0\x80\x80\x80\x10\x01"
    with pytest.raises(NoMessageError):
        list(Messages(hidden, 10).fields(0, len(hidden)))
    longest = b"\xf8\xff\xff\xff\x0f\x01"
    assert [one.number for one in Messages(longest, 10).fields(0, len(longest))] == [(1 << 29) - 1]
    with pytest.raises(ModelRefusedError):
        read_onnx(constant_model() + hidden)


def test_more_files_than_any_model_has_and_two_that_are_one_on_some_disks_are_refused():
    model = onnx.load_from_string(constant_model())
    for number in range(101):
        model.graph.initializer.append(elsewhere(f"w{number}"))
    with pytest.raises(ModelRefusedError, match=r"more than 100 files .* all_tensors_to_one_file=True"):
        read_onnx(model.SerializeToString())
    model = onnx.load_from_string(constant_model())
    model.graph.initializer.extend([elsewhere("w"), elsewhere("W")])
    with pytest.raises(ModelRefusedError, match="two files that are called 'w' but for capitals"):
        read_onnx(model.SerializeToString())


def test_how_long_a_file_has_to_be_follows_from_places_and_shapes():
    model = onnx.load_from_string(constant_model())
    tensor = elsewhere("w")  # four floats of 4 bytes
    tensor.external_data[0].value, tensor.external_data[2].value = "100", "0"
    model.graph.initializer.extend([tensor, elsewhere("w"), elsewhere("v")])
    assert read_onnx(model.SerializeToString()).outside == {"w": 116, "v": 16}


def test_onnx_runtime_itself_would_read_them():
    """What the judge is for: without it weights come from the folder that the worker was started in."""
    model = onnx.load_from_string(constant_model())
    model.graph.initializer.append(elsewhere("secret"))
    script = (
        "import onnxruntime, sys\n"
        "data = sys.stdin.buffer.read()\n"
        "try:\n    onnxruntime.InferenceSession(data, providers=['CPUExecutionProvider'])\n"
        "except Exception as err:\n    print('External' in str(err) or 'secret' in str(err))\n"
        "else:\n    print(True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=model.SerializeToString(),
        env=worker_env(),
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"True\n"


@pytest.mark.parametrize(
    "tensor",
    [
        pytest.param(elsewhere("airflow.cfg", flagged=False), id="a name, and no word that it counts"),
        pytest.param(elsewhere(""), id="the word, and no name"),
    ],
)
def test_half_a_word_of_another_file_is_one(tensor):
    model = onnx.load_from_string(constant_model())
    model.graph.initializer.append(tensor)
    with pytest.raises(ModelRefusedError, match="says by half that it keeps weights in another file"):
        read_onnx(model.SerializeToString())


def test_what_onnx_s_own_parser_reads_is_read_here():
    data = constant_model(hw=(640, 320), anchors=1)
    model = onnx.load_from_string(data)
    graph = read_onnx(data)
    assert graph.metadata == {entry.key: entry.value for entry in model.metadata_props}
    assert [(tensor.name, tensor.type, tensor.shape) for tensor in (*graph.inputs, *graph.outputs)] == [
        ("images", "tensor(float)", ("batch", 3, 640, 320)),
        ("output0", "tensor(float)", ("batch", 6, 1)),
    ]


def test_weights_that_old_files_list_among_the_inputs_are_none():
    model = onnx.load_from_string(constant_model())
    for number in range(150):
        name = f"w{number}"
        model.graph.initializer.append(numpy_helper.from_array(np.zeros(1, np.float32), name))
        model.graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]))
    assert [tensor.name for tensor in read_onnx(model.SerializeToString()).inputs] == ["images"]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        pytest.param(deep(30_000), "nested more than 60 deep", id="branches in branches"),
        pytest.param(
            constant_model() + field(7, field(1, b"") * 500_000), "more than 500,000 pieces", id="nodes without end"
        ),
        pytest.param(
            constant_model() + field(7, field(11, field(2, field(1, field(2, field(1, b"") * 100_000))))),
            "more than 100 inputs, outputs or dimensions",
            id="dimensions without end",
        ),
        pytest.param(
            constant_model() + field(7, field(11, field(1, b"x" * 8_000_000))),
            "longer than 200 bytes",
            id="a name of 8 MB",
        ),
        pytest.param(
            constant_model() + field(7, field(12, field(1, b"\x1b[31mred"))),
            "cannot be printed",
            id="a name with escapes",
        ),
        pytest.param(
            constant_model(metadata={"names": "x" * 8_000_000}), "metadata has 8,000,.* bytes", id="metadata of 8 MB"
        ),
        pytest.param(
            constant_model() + field(14, field(1, b"k") + field(2, b"\xff")), "is ONNX that is damaged", id="no UTF-8"
        ),
        pytest.param(constant_model() + b"\x3b", "is ONNX that is damaged", id="a group of old protobuf"),
        pytest.param(b"\x20\0\0\0ORTM" + bytes(99), "is not ONNX", id="ONNX Runtime's own format"),
        pytest.param(
            constant_model(hw=(2**31 - 1, 2**31 - 1)),
            "sides of 1 to 16384 px run",
            id="an input of two thousand million px",
        ),
        pytest.param(constant_model(hw=(-1, -5)), "sides of 1 to 16384 px run", id="an input of less than nothing"),
    ],
)
def test_a_file_made_to_cost_much_is_one_line_within_seconds(tmp_path, data, sentence):
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    began = time.thread_time()
    with pytest.raises(ModelRefusedError, match=sentence) as caught:
        inspect_model(path)
    assert time.thread_time() - began < 3
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)
    if len(data) < 100_000:  # both ask the same judge: once is enough where it takes its time
        with pytest.raises(ModelRefusedError, match=sentence):
            open_model(data)


def _cyclic() -> bytes:
    model = onnx.load_from_string(constant_model())
    model.graph.node.append(helper.make_node("Add", ["b", "images"], ["a"]))
    model.graph.node.append(helper.make_node("Add", ["a", "images"], ["b"]))
    return model.SerializeToString()


def _huge_weight() -> bytes:
    model = onnx.load_from_string(constant_model())
    model.graph.initializer.append(TensorProto(name="huge", data_type=TensorProto.FLOAT, dims=[2**31, 2**31, 4]))
    model.graph.node.append(helper.make_node("Identity", ["huge"], ["unused"]))
    return model.SerializeToString()


@pytest.mark.parametrize(
    "data", [pytest.param(_cyclic(), id="a circle"), pytest.param(_huge_weight(), id="a weight of 2^64")]
)
def test_what_only_onnx_runtime_can_tell_is_one_line(tmp_path, data):
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelRefusedError, match="is not opened by ONNX Runtime") as caught:
        judge_model(path)
    assert "\n" not in str(caught.value)


def test_a_model_that_ends_whoever_opens_it_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"
    path.write_bytes(constant_model())
    monkeypatch.setattr(trial, "_ANSWERS", {})
    monkeypatch.setattr(
        trial, "ask_worker", lambda words, limit_s: subprocess.CompletedProcess(words, -11, "", "noise\n")
    )
    with pytest.raises(ModelRefusedError, match="ends whoever runs it on one black image: SIGSEGV - export it"):
        judge_model(path)


@pytest.mark.parametrize(
    ("metadata", "sentence"),
    [
        *(
            pytest.param(
                {"stride": text}, r"has stride .*, expected a number of px from 1 to 1024", id=f"stride {text[:9]}"
            )
            for text in (
                "abc",
                "0",
                "-32",
                "inf",
                "nan",
                "1e9",
                "1e400",
                "32.5",
                "[32, 0]",
                "[]",
                "{}",
                "9" * 5000,
                "True",
                "[" * 10**5,
            )
        ),
        *(
            pytest.param(
                {"imgsz": text}, r"has imgsz .*, expected \[height, width\] of 1 to 16384 px", id=f"imgsz {text[:9]}"
            )
            for text in (
                "1000000",
                "abc",
                "[640]x",
                "[1, 2, 3]",
                "['640', '640']",
                "0",
                "-640",
                "[640, inf]",
                "-" * 10**5 + "1",
            )
        ),
        pytest.param({"names": "{0: 'a', 0: 'b'}"}, "two class names for class 0, 'a' and 'b'", id="a number twice"),
        pytest.param(
            {"names": "{'0': 'a', 0: 'b'}"}, "two class names for class 0", id="a number as text and as number"
        ),
        pytest.param({"names": "{0: 'a', '1_0': 'b'}"}, "names by '1_0', expected by number", id="an odd number"),
        pytest.param({"names": "{0: 'a', True: 'b'}"}, "names by True, expected by number", id="no number"),
        pytest.param({"names": "{0: 'a', 2: 'b'}"}, "2 class names and none for class 1", id="a hole"),
        pytest.param(
            {"names": r"{0: 'a', 1: '\ud800'}"}, "class 1 that is no text .*half of a character", id="half a character"
        ),
        pytest.param({"names": repr(["x" * 201, "y"])}, "a name of 201 characters for class 0", id="a long name"),
        pytest.param(
            {"names": repr(["x"] * 20_001)}, "names 20,001 classes, Shoal takes up to 20,000", id="many names"
        ),
        pytest.param({"names": "[" * 10**5}, "no class names", id="lists in lists"),
        pytest.param({"names": "{0:" * 10**5}, "no class names", id="dictionaries in dictionaries"),
        pytest.param({"names": "-" * 10**5 + "1"}, "no class names", id="minus a million times"),
        pytest.param({"names": "'a' " * 10**5}, "no class names", id="texts without commas"),
        pytest.param({"names": "__import__('os')"}, "no class names", id="code"),
    ],
)
def test_metadata_that_nobody_exports_is_one_line(metadata, sentence):
    graph = read_onnx(constant_model(metadata=metadata))
    began = time.thread_time()
    with pytest.raises(ModelRefusedError, match=sentence) as caught:
        understand(graph)
    assert time.thread_time() - began < 2
    assert str(caught.value) == one_line(caught.value, 400)


def test_names_in_other_scripts_and_quotes_are_read():
    names = ("l'algue", 'a "b"', "深海", "\U0001f41f", "back\\slash")
    assert read_names(repr(dict(enumerate(names)))) == names
    assert read_names(r'["\ud83d\udc1f", "\u6df1"]') == ("\U0001f41f", "深")
