"""CeleryExecutor: tasks run on a worker of Celery's that has Shoal's wheel, the dataset files and connections, and no checkout.

It installs what Airflow's Celery takes beside the locked versions and starts a broker, so that `make test-wide` plays it alone.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster.processes import Processes, free_port
from reef_airflow import ReefAirflow, make_buckets, reef_airflow

pytestmark = pytest.mark.skipif(
    not os.environ.get("SHOAL_WIDE"), reason="an executor of its own with a broker takes minutes: make test-wide"
)

CHECKOUT = Path(__file__).parents[3]
CELERY = (
    "apache-airflow-providers-celery", "celery>=5.5,<5.6", "kombu<5.6", "billiard", "vine", "amqp", "redis<6", "click-didyoumean",
    "click-plugins", "click-repl", "prompt-toolkit", "tzlocal", "wcwidth",
)  # fmt: skip
"""What the executor imports; its page (flower) is not needed."""
BUNDLES = '[{"name": "shoal", "classpath": "shoal.airflow.bundle.ShoalDagBundle", "kwargs": {}}]'


@dataclass(frozen=True)
class Farm:
    """An Airflow whose tasks a worker of Celery's runs."""

    reef: ReefAirflow
    processes: Processes
    library: Path


@pytest.fixture(scope="module")
def farm(store, tmp_path_factory, demo_models, scenes) -> Iterator[Farm]:
    if shutil.which("redis-server") is None:
        pytest.skip("Celery is not tested: no redis-server (apt install redis-server)")
    folder = tmp_path_factory.mktemp("celery")
    library, celery = folder / "library", folder / "celery"
    _install(library, str(_wheel(folder)))
    _install(celery, *CELERY)
    make_buckets(store, demo_models, "celery")
    processes = Processes(folder / "processes")
    try:
        port = free_port()
        processes.start("redis", ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", ""])
        settings = {
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CELERY__BROKER_URL": f"redis://127.0.0.1:{port}/0",
            "AIRFLOW__CELERY__RESULT_BACKEND": f"redis://127.0.0.1:{port}/1",
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": BUNDLES,
            "PYTHONPATH": os.pathsep.join([*os.environ["PYTHONPATH"].split(os.pathsep), str(celery)]),
        }
        with reef_airflow(folder / "home", store, settings, "celery") as reef:
            for scene in scenes[:12]:
                reef.pipeline.put(scene.key, scene.jpeg)
            own = {**reef.airflow.environment, "PYTHONPATH": f"{library}{os.pathsep}{celery}"}
            words = ["airflow", "celery", "worker", "--concurrency", "2", "--skip-serve-logs"]
            processes.start("worker", ["env", "--chdir", str(folder), sys.executable, "-m", *words], own)
            yield Farm(reef, processes, library)
    finally:
        for name in ("worker", "redis"):
            processes.stop(name)


def _wheel(folder: Path) -> Path:
    subprocess.run([_uv(), "build", "--quiet", "--wheel", "--out-dir", str(folder), str(CHECKOUT)], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def _install(folder: Path, *what: str) -> None:
    command = [_uv(), "pip", "install", "--quiet", "--no-deps", "--python", sys.executable, "--target", str(folder)]
    subprocess.run([*command, *what], check=True)


def _uv() -> str:
    made = CHECKOUT / ".shoal/tools/bin/uv"
    return str(made) if made.exists() else str(shutil.which("uv"))


def test_a_run_whose_tasks_a_celery_worker_takes_ends_with_every_image(farm):
    run_id = farm.reef.trigger()
    assert farm.reef.finished(run_id) == "success"
    farm.reef.assert_answer_whole(12)
    tasks = farm.reef.rest.get(f"dags/reanalyse_reef/dagRuns/{run_id}/taskInstances?limit=100")["task_instances"]
    assert {task["executor"] or "CeleryExecutor" for task in tasks} == {"CeleryExecutor"}
    said = farm.processes.log("worker").read_text(encoding="utf-8", errors="replace")
    assert said.count("succeeded in") >= len([task for task in tasks if task["state"] == "success" and task["pid"]])
    assert _shoal_of(farm).startswith(str(farm.library))


def _shoal_of(farm: Farm) -> str:
    """Where Python finds Shoal as Celery's worker does."""
    environment = {**farm.reef.airflow.environment, "PYTHONPATH": str(farm.library)}
    command = [sys.executable, "-c", "import shoal; print(shoal.__file__)"]
    return subprocess.run(command, env=environment, cwd="/", text=True, capture_output=True, check=True).stdout.strip()
