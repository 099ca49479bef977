"""A service as the model: what makes its variant, and that nothing is asked of the models bucket."""

from dataclasses import replace

import pytest

from dataset_settings import dataset_settings
from pipeline import make_pipeline
from service_settings import MAPPING, SCRIPT, deepaas, oscar
from shoal.contract.errors import ConfigError
from shoal.contract.hashing import canonical_sha256
from shoal.models.choice import Shelf
from shoal.models.release import service_release
from shoal.models.variant import make_variant
from shoal.plan.document import KIND
from shoal.results.read_plan import read_plan
from shoal.settings.dataset import Dataset
from shoal.settings.service import Service

VERSIONED = {"name": "reef", "version": "v1"}
LOCAL = {"image": None, "command": ["deepaas-run", "--listen-port={port}"]}


def variant_of(service, **model):
    release = service_release("reef", "v1", Service.model_validate(service).for_job())
    return make_variant(
        release,
        Dataset.model_validate({"name": "reef", **dataset_settings("reef", "store", model={**VERSIONED, **model})}),
    )


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"image": f"x@sha256:{'1' * 64}"}, id="image"),
        pytest.param({"mapping": f"{MAPPING}[:5]"}, id="mapping"),
        pytest.param({"names": ["bright thing", "fish"]}, id="names"),
        pytest.param({"task": "classify"}, id="task"),
        pytest.param({"model": "reef_module"}, id="model"),
        pytest.param({"params": {"threshold": 0.2}}, id="params"),
        pytest.param({"field": "image"}, id="field"),
    ],
)
def test_what_can_change_a_box_makes_another_variant(other):
    assert variant_of(deepaas(**other)).sha256 != variant_of(deepaas()).sha256


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"port": 5001}, id="port"),
        pytest.param({"timeout": "20s", "start_timeout": "20m"}, id="patience"),
        pytest.param({"cpu": "4", "memory": "8Gi", "gpu": 1, "pull_policy": "Always"}, id="size"),
    ],
)
def test_what_cannot_makes_none(other):
    assert variant_of(deepaas(**other)).sha256 == variant_of(deepaas()).sha256


def templated(*containers, volumes=()):
    service = Service.model_validate(deepaas())
    return service.for_job({"spec": {"initContainers": list(containers), "volumes": list(volumes)}})


ENV = {"name": "service", "env": [{"name": "WEIGHTS", "value": "a"}]}
MOUNT = {"name": "service", "volumeMounts": [{"name": "weights", "mountPath": "/w"}]}


def weights(claim):
    return {"name": "weights", "persistentVolumeClaim": {"claimName": claim}}


def test_what_a_template_gives_the_service_is_part_of_it_and_nothing_else_of_it():
    plain = Service.model_validate(deepaas()).for_job()
    changed = [
        templated(ENV),
        templated({**ENV, "env": [{"name": "WEIGHTS", "value": "b"}]}),
        templated({"name": "service", "envFrom": [{"configMapRef": {"name": "reef"}}]}),
        templated(MOUNT, volumes=[weights("a")]),
        templated(MOUNT, volumes=[weights("b")]),
    ]
    assert len({canonical_sha256(one.preimage()) for one in (plain, *changed)}) == 6
    other = templated(
        {**ENV, "name": "other"}, {"name": "service", "securityContext": {"runAsUser": 7}}, volumes=[weights("a")]
    )
    assert other == plain
    assert "pod_sha256" not in {**plain.preimage(), **plain.to_json()}
    assert type(plain).from_json(changed[0].to_json()) == changed[0]


def test_a_command_shows_its_program_alone_and_a_plan_says_what_nobody_checks():
    local = {**LOCAL, "command": ["env", "TOKEN=secret", "deepaas-run", "--key=secret", "{port}"]}
    service = Service.model_validate(deepaas(**local)).for_job()
    assert "(deepaas-run)" in service.describe()
    said = service.describe_doubts()
    assert "secret" not in " ".join([service.describe(), *said])
    assert said[0] == (
        "nobody checks that deepaas-run starts the same program as before - change model.version with it"
    )
    assert "EXIF" in said[1]


def test_a_new_version_is_not_the_one_in_use(reef):
    shelf = Shelf(reef.stores, reef.dataset, None)
    variant = shelf.first()
    own = {"sha256": variant.sha256, "directory": variant.directory}
    for changed, in_use in (({}, True), ({"directory": f"reef-v0-{variant.sha256[:12]}"}, False)):
        other = Shelf(reef.stores, reef.dataset, None)
        other.__dict__["_in_use"] = tuple({**own, **changed}.values())
        assert other.standing(variant).in_use is in_use


def test_a_script_is_known_by_its_text():
    assert variant_of(oscar(script=f"{SCRIPT}# more\n")).sha256 != variant_of(oscar()).sha256


def test_which_images_and_boxes_are_kept_is_part_of_it_and_nothing_of_a_model_file():
    preimage = variant_of(deepaas()).preimage
    assert set(preimage) == {"service", "pixel_limit", "scan_limit", "max_det", "stored_conf", "pipeline_version"}
    assert variant_of(deepaas(), max_det=10).sha256 != variant_of(deepaas()).sha256
    assert "max_det" not in variant_of(deepaas(task="classify")).preimage


@pytest.fixture
def reef(store, scenes, tmp_path):
    """A dataset whose model is a service, and whose models bucket is not even there."""
    made = make_pipeline(store, {}, tmp_path, model=VERSIONED, worker={"service": deepaas(**LOCAL)})
    store.connect().remove_bucket(made.dataset.models.bucket)
    made.put_scenes(scenes[:2])
    return made


def test_a_plan_says_what_looks_at_the_images_and_tells_the_workers(reef):
    plan = reef.plan()
    service = reef.dataset.worker.service.for_job()
    assert f"the model is a {service.describe()}" in plan.describe()
    assert set(service.describe_doubts()) <= set(plan.describe())
    layout = reef.stores.layout.variant(plan.variant.directory)
    stored = read_plan(reef.stores.results, layout.run(plan.run_key).plan)
    assert (stored.kind, stored.task, stored.names, stored.model.key) == (KIND, "detect", ("bright thing",), "")
    assert stored.service == stored.job.service == service
    assert stored.settings.worker == reef.dataset.worker
    variant = reef.stores.results.read_json(layout.variant)
    assert variant["preimage"]["service"]["kind"] == "deepaas"
    assert variant["names"] == ["bright thing"]


def test_a_plan_without_a_service_holds_no_word_of_it(store, demo_models, scenes, tmp_path):
    made = make_pipeline(store, {"v1": demo_models["v1"]}, tmp_path)
    made.put_scenes(scenes[:1])
    plan = made.plan().to_json()
    assert "service" not in plan["job"]
    assert "service" not in plan["settings"]["worker"]


def test_a_run_cannot_ask_for_another_version(reef):
    with pytest.raises(ConfigError, match=r"Model version 'v2' not found, there is v1: .* has worker\.service"):
        reef.plan(model_version="v2")
    assert Shelf(reef.stores, reef.dataset, "v1").first().release.version == "v1"


def test_a_service_s_release_has_no_file():
    release = variant_of(deepaas()).release
    assert (release.key, release.files, release.key_points) == ("", (), None)
    assert replace(release, name="other").sha256 == release.sha256, "a name is no part of it"
