"""A worker's model of several files: fetched into a folder of its own, each checked, and what is not the plan's is one line."""

import hashlib

import pytest

from shoal.contract.errors import ContractError
from shoal.contract.exit_codes import WorkerExit
from shoal.contract.job import ShardJob
from shoal.contract.model_files import ModelFile
from worker.images import dark_jpeg
from worker.onnx_models import apart, grid_model
from worker.processes import Workplace

CARD = b"names: [fish, crab]\nimgsz: 640\n"


@pytest.fixture
def workplace(running_store, empty_bucket):
    """One image, and a plan of a model whose names and weights lie beside it."""
    graph, weights = apart(grid_model(metadata=dict.fromkeys(("names", "imgsz"))))
    files = {"model.onnx.data": weights, "model.yaml": CARD}
    said = [ModelFile(name, hashlib.sha256(data).hexdigest(), len(data)).to_json() for name, data in files.items()]
    place = Workplace(running_store, empty_bucket, graph, {"a.jpg": dark_jpeg()}, {"model_files": said})
    place.lay_out()
    for name, data in files.items():
        running_store.put(empty_bucket, f"models/{name}", data)
    return place


def test_a_shard_is_examined_with_all_files_of_its_model(workplace, tmp_path):
    done = workplace.work(TMPDIR=str(tmp_path))
    assert done.returncode == WorkerExit.DONE, done.stderr
    [row] = workplace.rows().values()
    assert {box["class_id"] for box in row["detections"]} == {0}
    assert list(tmp_path.iterdir()) == [], "the folder of the model is gone when the worker is"


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        pytest.param(
            lambda folder: (folder / "model.onnx.data").write_bytes(b"\x01" * 72),
            "Model models/model.onnx.data has sha256 ",
            id="replaced",
        ),
        pytest.param(
            lambda folder: (folder / "model.yaml").write_bytes(CARD + b"stride: 64\n"),
            f"Model models/model.yaml has more than the {len(CARD)} bytes that the plan was made for",
            id="a longer card",
        ),
        pytest.param(
            lambda folder: (folder / "model.yaml").write_bytes(CARD.replace(b"crab", b"carp")),
            "Model models/model.yaml has sha256 ",
            id="another card",
        ),
        pytest.param(lambda folder: (folder / "model.onnx.data").unlink(), "models/model.onnx.data", id="gone"),
    ],
)
def test_a_file_that_is_not_the_plan_s_ends_the_worker_with_one_line(workplace, spoil, sentence):
    spoil(workplace.folder / "models")
    done = workplace.work()
    assert done.returncode == WorkerExit.CONFIG, done.stderr
    assert sentence in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert workplace.rows() == {}


@pytest.mark.parametrize("name", ["../plan.json", "/etc/passwd", "model.onnx", ".hidden"])
def test_a_plan_names_no_file_elsewhere(workplace, name):
    workplace.job = {"model_files": [{"name": name, "sha256": "0" * 64, "size_bytes": 1}]}
    with pytest.raises(ContractError, match=r"plan\.json holds no valid job: Model keeps weights in "):
        ShardJob.from_plan(workplace.plan())
