"""Fixtures named by state; every server is a real one, started here and stopped by its own process id."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from drawn_scenes import drawn
from hostile_answer import HostileAnswer, hostile_answer
from pipeline import Pipeline, few_of, make_pipeline
from played_once import Played
from shoal.embedded.processes.rclone import embedded_store
from shoal.embedded.samples.bad_files import BadFile, bad_files
from shoal.embedded.samples.demo_model import VERSIONS, build_demo_model
from shoal.embedded.samples.scenes import Scene, demo_scenes
from shoal.stores.s3_access import StoreAccess
from shoal_worker.loop.intake import Intake

if TYPE_CHECKING:
    from cluster.real_cluster import RealCluster

pytest_plugins = ["durations"]

settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")
"""All else is Hypothesis's own, in CI too: a machine that is busy with other tests takes seconds for anything now and then."""

os.environ.setdefault("SHOAL_STORE_PATIENCE_S", "4")
"""Servers of the tests that ask for fewer requests do so for ever: their clients, also in programs started here, soon give up."""


@pytest.fixture(autouse=True)
def signals_as_they_were() -> Iterator[None]:
    """Undo what a command called in the tests' own process says of signals: programs started later would ignore them, too."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder with `parity/parity.json` and `obsea/*.jpg`."""
    folder = os.environ.get("SHOAL_TEST_DATA")
    if not folder or not Path(folder, "parity/parity.json").exists():
        pytest.skip(
            "parity with ultralytics and real OBSEA photos are not tested: set SHOAL_TEST_DATA to the folder that "
            "holds parity/parity.json and obsea/*.jpg"
        )
    return Path(folder)


@pytest.fixture(scope="session")
def parity(test_data) -> dict:
    return json.loads((test_data / "parity/parity.json").read_text())


@pytest.fixture(scope="session")
def obsea_photos(test_data) -> list[Path]:
    return sorted((test_data / "obsea").glob("*.jpg"))


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreAccess]:
    """A running object store without buckets."""
    root = tmp_path_factory.mktemp("embedded-store")
    (root / "data").mkdir()
    with embedded_store(root / "data", root / "store.log") as access:
        yield access


@pytest.fixture(scope="session")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreAccess]:
    """A running MinIO without buckets, beside nothing else."""
    from cluster.binaries import MINIO, are_built, minio_program
    from cluster.object_store import start_object_store
    from cluster.processes import Processes

    if not are_built(MINIO):
        if os.environ.get("CI") != "true":
            pytest.skip("MinIO is not built, what only it does is not tested: make cluster")
        minio_program()
    folder = tmp_path_factory.mktemp("minio")
    processes = Processes(folder / "run")
    try:
        yield start_object_store(processes, folder / "data", "127.0.0.1")
    finally:
        processes.stop("minio")


@pytest.fixture(scope="session")
def demo_models() -> dict[str, bytes]:
    return {version: build_demo_model(species, version) for version, species in VERSIONS.items()}


@pytest.fixture(scope="session")
def scenes() -> tuple[Scene, ...]:
    """Every demo scene, with its truth."""
    return drawn("demo", demo_scenes)


@pytest.fixture(scope="session")
def bad() -> tuple[BadFile, ...]:
    """Every bad file of the demo, with its expected result."""
    return bad_files()


@pytest.fixture(scope="session")
def real_cluster() -> Iterator["RealCluster"]:
    """A real Kubernetes and a real MinIO: of `make cluster`, of KUBECONFIG, or started here."""
    from cluster.real_cluster import real_cluster as found_or_started

    with found_or_started() as cluster:
        yield cluster


@pytest.fixture
def empty_bucket(store: StoreAccess, demo_models: dict[str, bytes], tmp_path: Path) -> Pipeline:
    """A dataset whose bucket is empty; both demo models are there."""
    return make_pipeline(store, demo_models, tmp_path)


@pytest.fixture
def few_images(empty_bucket: Pipeline, scenes: tuple[Scene, ...]) -> Pipeline:
    """A dataset with twelve daylight scenes, six of each camera."""
    empty_bucket.put_scenes(few_of(scenes))
    return empty_bucket


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers here begin every image of a plan, however small its time box and busy the machine: what they took is the plan's."""
    begin = Intake.__init__
    monkeypatch.setattr(Intake, "__init__", lambda intake, images, _budget_s: begin(intake, images, 600.0))


@pytest.fixture
def answered(played: Played[Any], tmp_path: Path) -> Iterator[Pipeline]:
    """What a module has `played`, copied: the test's own."""
    with played.copy(tmp_path) as pipeline:
        yield pipeline


@pytest.fixture(scope="session")
def hostile(demo_models: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileAnswer]:
    """A complete run over hostile names, three months and every use of an image; nobody changes it."""
    with hostile_answer(tmp_path_factory.mktemp("hostile-answer"), demo_models["v1"]) as answer:
        yield answer


@pytest.fixture
def pipelines(store: StoreAccess, demo_models: dict[str, bytes], tmp_path: Path) -> Callable[..., Pipeline]:
    """Makes datasets that differ in their settings."""
    return lambda **settings: make_pipeline(store, demo_models, tmp_path, **settings)
