"""What `model --image` tells of a classifier's scores, of which some may be no number."""

from pathlib import Path

import pytest

from shoal.cli import model


@pytest.mark.parametrize(
    ("scores", "lines"),
    [
        pytest.param(
            [None, 0.25, 0.5],
            [
                "photo     a.jpg, 8x6 px: the model gave no number for 1 of 3 classes",
                "  0.50  c (class 2)",
                "  0.25  b (class 1)",
            ],
            id="one that is unknown",
        ),
        pytest.param(
            [None] * 3, ["photo     a.jpg, 8x6 px: the model gave no number for 3 of 3 classes"], id="none is known"
        ),
        pytest.param(
            [1, 0, 0],
            ["photo     a.jpg, 8x6 px", "  1.00  a (class 0)", "  0.00  b (class 1)", "  0.00  c (class 2)"],
            id="all are known",
        ),
    ],
)
def test_scores_that_are_no_number_are_counted_and_the_others_shown(scores, lines, monkeypatch, capsys):
    found = {"status": "processed", "width": 8, "height": 6, "class_scores": scores}
    monkeypatch.setattr(model, "_ask", lambda *_: found)
    model._look(Path("m.onnx"), Path("a.jpg"), None, ["a", "b", "c"])
    assert capsys.readouterr().out.splitlines() == lines
