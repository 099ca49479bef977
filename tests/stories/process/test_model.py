"""`python -m shoal model`: what is understood of a file, what it finds in a photo, and the card that it lacks."""

import re
import subprocess
import sys
from contextlib import chdir

import pytest
from PIL import Image

from shoal.__main__ import main
from worker.images import encoded, photo
from worker.onnx_models import apart, constant_model
from worker.processes import worker_env

WORDS = ("names", "stride", "task", "imgsz")


@pytest.fixture
def folder(tmp_path):
    """A model that says nothing of itself, in two files, and a photo."""
    graph, weights = apart(constant_model([(320, 192, 64, 32, 0.25, 0.75)] * 3, metadata=dict.fromkeys(WORDS)))
    (tmp_path / "model.onnx").write_bytes(graph)
    (tmp_path / "model.onnx.data").write_bytes(weights)
    (tmp_path / "fish.jpg").write_bytes(encoded(photo(1280, 720)))
    return tmp_path


def test_a_model_is_described_tried_on_a_photo_and_drawn(folder):
    (folder / "model.yaml").write_text(
        "family: yolov8\nnames: [fish, 深海]\nimgsz: 640\nlicence: CC-BY-4.0\ncitation: Ana and Bo (2026)\n", "utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-m", "shoal", "model", "model.onnx", "--image", "fish.jpg", "-o", "out.jpg"],
        cwd=folder,
        env=worker_env(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for line in (
        "output    output0: tensor(float) batch x 6 x anchors",
        "metadata  say none of names, task, imgsz, stride",
        "card      family, names, imgsz, licence, citation",
        "licence   CC-BY-4.0",
        "cite      Ana and Bo (2026)",
        "family    yolov8, task detect",
        "classes   2: fish, 深海",
        "size      640x640 px (or another multiple of 32), letterbox, 3 channels",
        "tried     it runs on a black image",
        "photo     fish.jpg, 1280x720 px: 1 above 0.25",
        "  0.75  深海 (class 1)  (576, 328) to (704, 392)",
        "written   out.jpg",
    ):
        assert line in lines
    assert [line.split()[1] for line in lines if line.startswith("file")] == [
        "model.onnx.data:",
        "model.yaml:",
        "model.onnx:",
    ]
    assert Image.open(folder / "out.jpg").size == (1280, 720)


def test_the_card_of_a_model_is_written_line_by_line(folder, capsys):
    """First what only a person knows, as comments; then what follows from what he wrote; nothing of his is touched."""
    card = folder / "model.yaml"
    assert main(["model", str(folder), "--write"]) == 1
    assert "refused   Model has task None" in capsys.readouterr().out
    text = card.read_text()
    lines = [line.removeprefix("# ").partition(":")[0] for line in text.splitlines()[1:]]
    assert lines == ["family", "names", "imgsz", "licence", "citation"]
    assert text.count("# names: ") == 1
    mine = "family: yolov8 # my own words\n\nnames:\n  - fish\n  - crab\nimgsz: [480, 640]"
    card.write_text(mine)
    assert main(["model", str(folder), "--write"]) == 0
    assert card.read_text().startswith(f"{mine}\nstride: 32\nresize: letterbox\n# licence: CC-BY-4.0\n# citation: ")
    assert "upload weights and card first, model.onnx last" in capsys.readouterr().out
    written = card.read_bytes()
    assert main(["model", str(folder), "--write"]) == 0
    assert card.read_bytes() == written
    assert "nothing: model.yaml has every line" in capsys.readouterr().out


def test_a_card_that_no_line_can_be_added_to_is_left_as_it_is(folder, capsys):
    text = "{family: yolov8, names: [fish, crab], imgsz: 640}\n"
    (folder / "model.yaml").write_text(text)
    assert main(["model", str(folder), "--write"]) == 2
    assert "lines cannot be added to - add by hand: stride: 32; resize: letterbox" in capsys.readouterr().err
    assert (folder / "model.yaml").read_text() == text


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        pytest.param(["none.onnx"], 2, r"No model file .*/none\.onnx - give the path", id="no file"),
        pytest.param(["model.onnx", "-o", "a.jpg"], 2, "-o writes the photo of --image with its boxes", id="no photo to draw"),
        pytest.param(["model.onnx", "--image", "none.jpg"], 2, r"No photo none\.jpg - give", id="no photo"),
        pytest.param(["fish.jpg"], 1, r"refused   Model file of \d+ bytes is not ONNX", id="a photo for a model"),
        pytest.param(["model.onnx"], 1, "refused   Model keeps weights in 'model.onnx.data', which is not beside it", id="half a model"),
    ],
)  # fmt: skip
def test_what_is_no_model_is_one_line(folder, capsys, words, status, sentence):
    (folder / "model.onnx.data").unlink()
    with chdir(folder):
        assert main(["model", *words]) == status
    said = capsys.readouterr()
    assert re.search(sentence, said.out + said.err)
