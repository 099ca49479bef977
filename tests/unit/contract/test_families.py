"""Which family a model file is of, and what is said where none is, or where a wheel that adds one is broken."""

from dataclasses import replace
from itertools import count

import pytest

from shoal.contract.errors import ConfigError, ModelRefusedError
from shoal.contract.families import FAMILIES, GROUP, load_codec, understand, understand_planned
from shoal.contract.inference import Inference
from shoal.contract.job import ShardJob
from shoal.contract.layout import FORMAT_VERSION
from shoal.contract.model_card import Card
from shoal.contract.model_info import Graph, Tensor
from shoal.contract.plugged_in import load
from shoal.contract.rows import ROW_COLUMNS
from shoal.contract.tasks import TASKS
from shoal.tables.session import read_sql
from wheels import lay_wheel

FLOATS = "tensor(float)"
OWN = Graph(
    {"task": "detect", "names": "{0: 'fish'}", "imgsz": "[640, 640]"},
    [Tensor("images", FLOATS, ("batch", 3, "height", "width"))],
    [Tensor("output0", FLOATS, ("batch", 5, "anchors"))],
)
ADDED = replace(OWN, outputs=[Tensor("output0", FLOATS, ("boxes", 7))])
FAMILY = """
from shoal.contract.families.family import NotOfFamilyError
from shoal.contract.model_info import read_model_info

class Seven:
    version = 3
    task = "detect"
    codec = "seven:Codec"

    def understand(self, graph):
        if graph.outputs[0].shape[-1] != 7:
            raise NotOfFamilyError("Model has no seven columns - export it anew")
        return read_model_info(graph)

FAMILY = Seven()
"""
MODULES = count()


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a wheel that adds a family."""

    def lay(name: str = "seven", code: str = FAMILY) -> None:
        module = f"seven_{next(MODULES)}"
        folder = lay_wheel(tmp_path / module, module, {GROUP: {name: f"{module}:FAMILY"}}, {f"{module}.py": code})
        monkeypatch.syspath_prepend(folder)

    return lay


def other_shape(graph, position, *shape):
    """The graph with another input (0) or output (1)."""
    name = ("inputs", "outputs")[position]
    return replace(graph, **{name: [replace(getattr(graph, name)[0], shape=shape)]})


def test_every_family_of_the_table_is_of_a_task_of_the_table():
    for name in FAMILIES:
        assert load(name, FAMILIES, GROUP).task in TASKS


@pytest.mark.parametrize("task", TASKS.values(), ids=str)
def test_a_task_names_columns_settings_and_sql_that_are_there(task):
    assert set(task.columns) <= set(ROW_COLUMNS)
    assert set(task.settings) <= set(Inference.__dataclass_fields__)
    made = "".join(read_sql(name) for name in task.sql)
    assert "TABLE detections" in made
    assert "VIEW below" in made


def test_shoal_s_own_families_leave_no_word_in_job_and_variant(install):
    install()
    understood = understand(OWN)
    assert (understood.added, understood.info.names) == (None, ("fish",))
    assert "family" not in Inference(imgsz=(640, 640), rect=True, family=understood.added).to_json()


def test_a_family_of_a_wheel_is_named_with_its_version_and_found_again_in_the_job(install):
    install()
    understood = understand(ADDED)
    assert understood.added == "seven/3"
    inference = Inference(imgsz=(640, 640), rect=True, family=understood.added)
    job = ShardJob("r", "s", "m", "k", "0", "r", "v/", inference, 1.0)
    assert ShardJob.from_plan({"format_version": FORMAT_VERSION, "job": job.to_json()}).inference == inference
    assert understand_planned(ADDED, "seven/3").info == understood.info


def test_a_file_of_no_family_is_told_what_each_of_them_missed(install):
    install()
    neither = other_shape(OWN, 1, 1, 9, 9)
    with pytest.raises(ModelRefusedError) as caught:
        understand(neither)
    own, added = str(caught.value).split("; family ")
    assert own.startswith("Model output has 9 channels, its 1 names need 5")
    assert added == "seven: Model has no seven columns - export it anew"


def test_the_family_whose_file_it_is_speaks_alone(install):
    install()
    nameless = Graph({}, OWN.inputs, [Tensor("dets", FLOATS, (1, 300, 4)), Tensor("labels", FLOATS, (1, 300, 3))])
    with pytest.raises(ModelRefusedError) as caught:
        understand(nameless)
    assert str(caught.value).startswith(
        "Model is an RF-DETR, whose file has no class names - write them into model.yaml"
    )
    assert "family" not in str(caught.value)
    install(
        "eight",
        FAMILY.replace(
            "raise NotOf", "from shoal.contract.errors import ModelRefusedError\n            raise NotOf"
        ).replace("NotOfFamilyError(", "ModelRefusedError("),
    )
    with pytest.raises(ModelRefusedError, match=r"^family eight: Model has no seven columns - export it anew$"):
        understand(other_shape(OWN, 1, 1, 9, 9))


def test_a_card_s_family_is_the_only_one_that_is_asked(install):
    install()
    said = replace(OWN, card=Card(family="rfdetr"))
    with pytest.raises(
        ModelRefusedError, match=r"Model has outputs output0 .*, an RF-DETR has dets and labels"
    ) as caught:
        understand(said)
    assert "seven" not in str(caught.value)


def test_a_plan_of_shoal_s_own_family_is_never_run_by_another(install):
    install()
    with pytest.raises(ConfigError, match="The plan was made with model family one of Shoal's own, here it is seven/3"):
        understand_planned(ADDED, None)


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        pytest.param("yolov8", FAMILY, "a wheel adds 'yolov8', which is Shoal's own - rename", id="a name of ours"),
        pytest.param("seven", "import nowhere", r"shoal.tasks seven .*ModuleNotFoundError: No module", id="no import"),
        pytest.param("seven", "x = 1", r"shoal.tasks seven .* cannot be imported: AttributeError", id="no such object"),
        pytest.param(
            "seven",
            FAMILY.replace("graph.outputs[0].shape[-1]", "graph.shape"),
            "shoal.tasks seven failed on a model file: AttributeError: .* - tell its author",
            id="a mistake of its own",
        ),
        pytest.param(
            "seven",
            FAMILY.replace('"detect"', '"depth"'),
            "shoal.tasks seven is for task 'depth', there are detect, segment, pose, obb, classify - tell its author",
            id="a task nobody counts",
        ),
    ],
)
def test_a_broken_wheel_is_told_in_one_line(install, name, code, message):
    install(name, code)
    with pytest.raises(ConfigError, match=message) as caught:
        understand(ADDED)
    assert "\n" not in str(caught.value)


def test_two_wheels_of_one_name_are_told(install):
    install()
    install()
    with pytest.raises(
        ConfigError, match=r"'seven' is in several wheels \(seven.\d+, seven.\d+\) - uninstall all but one"
    ):
        understand(ADDED)


def test_a_codec_of_a_wheel_that_cannot_be_imported_is_one_line(install):
    install(code=FAMILY.replace("seven:Codec", "no_such_codec:Codec"))
    understood = understand(ADDED)
    with pytest.raises(
        ConfigError,
        match=r"^shoal\.tasks seven/3 \(no_such_codec:Codec\) cannot be imported: ModuleNotFoundError: .* - install what it needs",
    ):
        load_codec(understood)
