"""Somebody's own program in a dataset file: what may be said of it, and each mistake in one line."""

import pytest
import yaml

from dataset_settings import dataset_settings
from service_settings import IMAGE, deepaas, oscar
from shoal.contract.errors import ConfigError
from shoal.settings.changed import stored_settings
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_files import load_dataset

PODS = {"kind": "kubernetes", "pod": {"transfer": "direct"}}
LOCAL = {"image": None, "command": ["deepaas-run", "--listen-port={port}"]}
VERSIONED = {"name": "reef", "version": "v1"}


@pytest.fixture
def load(tmp_path):
    """Reads a dataset file with this service."""

    def read(service, cluster=PODS, model=VERSIONED):
        worker = {"image": "worker:1", "service": service}
        path = tmp_path / "reef.yaml"
        path.write_text(yaml.safe_dump(dataset_settings("t", "t", cluster=cluster, worker=worker, model=model)))
        return load_dataset(path)

    return read


@pytest.mark.parametrize(
    ("service", "cluster"),
    [
        pytest.param(deepaas(), PODS, id="a module in pods"),
        pytest.param(deepaas(**LOCAL), {}, id="a module beside Airflow"),
        pytest.param(oscar(), PODS, id="a script in pods"),
        pytest.param(oscar(image=None), {}, id="a script beside Airflow"),
        pytest.param(deepaas(image=f"x/y:1.0@sha256:{'a' * 64}"), PODS, id="a tag beside the digest"),
    ],
)
def test_a_service_is_stored_as_it_was_read(load, service, cluster):
    dataset = load(service, cluster)
    stored = Dataset.model_validate(stored_settings(dataset))
    assert stored == dataset
    job = dataset.worker.service.for_job()
    assert type(job).from_json(job.to_json()) == job


def test_nothing_is_stored_where_there_is_none(load):
    assert "service" not in stored_settings(load(None))["worker"]


# What is changed in a module in pods, and what is said; nothing of a stack, one line.
MISTAKES = {
    "a tag alone": ({"image": "x/y:latest"}, r"service\.image: 'x/y:latest' names no digest, .* write x/y:latest@sha256:…"),
    "half a digest": ({"image": "x/y@sha256:abc"}, r"names no digest, .* write x/y@sha256:…"),
    "no image in pods": ({"image": None}, r"worker\.service needs image where cluster\.kind is kubernetes"),
    "a command in pods": ({"command": ["a", "{port}"]}, r"service\.command is for cluster\.kind local"),
    "a command without a port": ({"command": ["deepaas-run"]}, r"command has no \{port\}"),
    "a mapping that is none": ({"mapping": "predictions[."}, r"service\.mapping: is no JMESPath: .* - try it at"),
    "an unknown function": ({"mapping": "magic(a)"}, r"service\.mapping: is no JMESPath: .*magic"),
    "no names": ({"names": []}, r"service\.names: 0 class names, there are 1 to 20,000"),
    "a name twice": ({"names": ["a", "b", "a"]}, r"service\.names: 'a' stands there twice"),
    "an empty name": ({"names": ["a", " "]}, r"service\.names: name 1 is ' '"),
    "an endless name": ({"names": ["a" * 201]}, r"name 0 is .* each is 1 to 200 characters"),
    "a number for a name": ({"names": [1]}, r"service\.names\.0: .* string"),
    "a port that there is not": ({"port": 70000}, r"service\.port: .* 65535"),
    "no port": ({"port": 0}, r"service\.port: .* 1 "),
    "an unknown task": ({"task": "segment"}, r"service\.task: .*'detect' or 'classify'"),
    "an unknown kind": ({"kind": "triton"}, r"service\.kind: .*'deepaas' or 'oscar'"),
    "a script for a module": ({"script": "echo\n"}, r"script is for kind oscar"),
    "a script without its text": ({"kind": "oscar", "script": "run.sh"}, r"'run\.sh' is a file's name - write the script itself"),
    "an empty script": ({"kind": "oscar", "script": "\n"}, r"a script of 1 characters"),
    "no script": ({"kind": "oscar"}, r"kind oscar runs a script for each image - write it"),
    "a form for a script": ({**oscar(), "params": {"a": 1}}, r"params: kind oscar is not asked over HTTP"),
    "no number in the form": ({"params": {"a": float("inf")}}, r"params\.a: inf is no value of a form"),
    "a list in the form": ({"params": {"a": [1]}}, r"params\.a"),
    "an image that may take a day": ({"timeout": "1d"}, r"service\.timeout: .*1 hour"),
    "a start that may take a day": ({"start_timeout": "1d"}, r"service\.start_timeout: .*1 hour"),
    "no memory": ({"memory": "0"}, r"a pod cannot ask for 0"),
    "a GPU twice": ({"gpu": 1, "resources": {"nvidia.com/gpu": 1}}, r"are the same - leave one out"),
    "a slip of the pen": ({"mappings": "a"}, r"service\.mappings: no such field - did you mean mapping\?"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line(load, changes, said):
    with pytest.raises(ConfigError, match=said) as failed:
        load(deepaas(**changes))
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize(
    ("service", "said"),
    [
        pytest.param(deepaas(), r"service\.image is for cluster\.kind kubernetes", id="an image"),
        pytest.param(deepaas(image=None), r"needs command where cluster\.kind is local", id="no command"),
        pytest.param(
            deepaas(**LOCAL, gpu=1), r"service\.gpu and resources are for cluster\.kind kubernetes", id="a GPU"
        ),
    ],
)
def test_beside_airflow_there_are_no_containers(load, service, said):
    with pytest.raises(ConfigError, match=said):
        load(service, cluster={})


@pytest.mark.parametrize(
    ("model", "said"),
    [
        pytest.param({"version": "latest"}, r"model\.version latest: no model file is listed", id="latest"),
        pytest.param(
            {"imgsz": 640, "iou": 0.5}, r"model\.imgsz, model\.iou: worker\.service is the model", id="a file's"
        ),
        pytest.param({"tile": {"size": 640}}, r"model\.tile: worker\.service is the model", id="tiles"),
        pytest.param({"watch": True}, r"model\.watch: worker\.service is the model", id="releases"),
    ],
)
def test_settings_of_a_model_file_are_refused(load, model, said):
    with pytest.raises(ConfigError, match=said):
        load(deepaas(), model={**VERSIONED, **model})


def test_what_both_kinds_of_models_have_may_be_set(load):
    assert load(deepaas(), model={**VERSIONED, "max_det": 50, "pixel_limit": 10**7}).model.max_det == 50


def test_the_digest_is_what_counts_of_an_image(load):
    here = load(deepaas(image=IMAGE)).worker.service.for_job()
    mirrored = load(deepaas(image=IMAGE.replace("registry.", "mirror."))).worker.service.for_job()
    assert here.preimage() == mirrored.preimage()
