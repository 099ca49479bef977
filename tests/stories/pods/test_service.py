"""Somebody's own container as the model, in real pods: DEEPaaS itself with a module, a script as OSCAR runs it, and their faults."""

import io
import os
from dataclasses import dataclass

import pytest
from kubernetes import client
from PIL import Image, ImageDraw

from service_settings import deepaas, oscar
from shard_attempts import run_where_it_runs
from shoal.contract.errors import WorkerError
from shoal.preflight.sample_run import SampleRun

IMAGES = 6
POISON = 2
"""Number of the image that its program does not survive, in the middle of the shard."""

wide = pytest.mark.skipif(not os.environ.get("SHOAL_WIDE"), reason="minutes of waiting for what hangs: make test-wide")

BAD = {"white ends it": (255, 255, 255), "red hangs it": (255, 10, 10), "blue fills its memory": (10, 10, 255)}
SIZE = {"cpu": "100m", "memory": "300Mi", "timeout": "20s", "start_timeout": "90s"}


def key(number):
    return f"20260601-00{number:02}00-IPC608.jpg"


def box(number):
    return (40 + number, 50, 100, 150)


def photo(number):
    """Something bright in the dark, elsewhere in each."""
    image, (left, top, right, bottom) = Image.new("RGB", (320, 240), (20, 30, 40)), box(number)
    ImageDraw.Draw(image).rectangle((left, top, right - 1, bottom - 1), fill=(200, 200, 190))
    return jpeg(image)


def jpeg(image):
    data = io.BytesIO()
    image.save(data, "JPEG", quality=98)
    return data.getvalue()


@pytest.fixture(scope="module")
def module(real_cluster):
    return real_cluster.bring_service("reef-module")


@pytest.fixture(scope="module")
def script(real_cluster):
    return real_cluster.bring_service("reef-script")


@pytest.fixture(scope="module")
def reef(pipelines, real_cluster):
    """Makes a dataset of photos whose model is this service."""

    def make(service, transfer="direct", poison=None):
        worker = {"image": real_cluster.images["worker"], "service": {**service, **SIZE}}
        made = pipelines(transfer, worker=worker, model={"name": "reef", "version": "v1"}, cluster={"max_pods": 1})
        for stored in list(made.stores.source.list_keys("")):
            made.stores.source.delete([stored])
        for number in range(IMAGES):
            bad = poison is not None and number == POISON
            made.put(key(number), jpeg(Image.new("RGB", (320, 240), BAD[poison])) if bad else photo(number))
        return made

    return make


@pytest.mark.parametrize(
    ("kind", "transfer"),
    [
        pytest.param("module", "direct", id="a module of DEEPaaS"),
        pytest.param("script", "mount", id="a script of OSCAR", marks=wide),
    ],
)
def test_a_shard_goes_from_images_to_the_answer(kind, transfer, reef, request, api):
    image = request.getfixturevalue(kind)
    made = reef((deepaas if kind == "module" else oscar)(image=image), transfer)
    sample = SampleRun.prepare(made.dataset, made.stores)
    sample.run(lambda _: api, lambda _: None)
    rows = made.rows(made.summarize(sample.plan))
    assert made.summarize(made.plan()).summary["complete"]
    found = {name: row["detections"] for name, row in rows.items()}
    for number in range(IMAGES):
        (one,) = found[key(number)]
        assert [one[side] for side in ("x1", "y1", "x2", "y2")] == pytest.approx(box(number), abs=2)
    if kind == "script":
        (thumbnail,) = rows[key(0)]["files"]
        assert Image.open(io.BytesIO(made.stores.results.read_bytes(thumbnail))).size == (64, 48)


@wide
def test_an_image_that_is_not_there_names_its_setting(reef, api):
    made = reef(deepaas(image=f"127.0.0.1:1/none@sha256:{'1' * 64}"))
    with pytest.raises(WorkerError, match=r"of the service cannot be pulled .* - correct worker\.service\.image"):
        SampleRun.prepare(made.dataset, made.stores).run(lambda _: api, lambda _: None)


@wide
def test_a_program_that_is_never_ready_says_so(reef, module, api):
    made = reef({**deepaas(image=module, port=5001)})
    with pytest.raises(WorkerError, match=r"was not ready within 90 s \(worker\.service\.start_timeout\)"):
        SampleRun.prepare(made.dataset, made.stores).run(lambda _: api, lambda _: None)


@dataclass(frozen=True)
class Suffered:
    """What came of a shard with one image that its program does not survive."""

    balance: dict[str, int]
    reasons: dict[str, int]
    left: list[str]


@pytest.fixture(scope="module", params=BAD)
def suffered(request, reef, module, api):
    made = reef(deepaas(image=module), poison=request.param)
    summary = run_where_it_runs(made, lambda _: api).summary
    selector, namespace = "app.kubernetes.io/managed-by=shoal", made.dataset.cluster.namespace
    left = [
        pod.metadata.name for pod in client.CoreV1Api(api).list_namespaced_pod(namespace, label_selector=selector).items
    ]
    return Suffered(summary["run"]["balance"], summary["result"]["failed_by_reason"], left)


@wide
def test_an_image_that_its_program_does_not_survive_costs_itself_alone(suffered):
    assert (suffered.balance["processed"], suffered.balance["failed"], suffered.balance["pending"]) == (
        IMAGES - 1,
        1,
        0,
    )
    assert suffered.reasons == {"killed_worker": 1}


@wide
def test_nothing_of_it_is_left(suffered):
    assert suffered.left == []
