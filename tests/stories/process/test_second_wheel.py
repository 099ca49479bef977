"""docs/extending.md as a stranger follows it: its code blocks become a wheel, installed beside Shoal's own, and a run writes its file."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import pytest
import yaml

from pipeline import beside_report, make_pipeline

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/extending.md").read_text(encoding="utf-8")

SUMMARIZE = """
import json, sys
import shoal
from pathlib import Path
from shoal.history.verify import verify_run
from shoal.settings.dataset_files import load_dataset
from shoal.settings.dataset_stores import open_stores
from shoal.stores.s3_access import StoreAccess
from shoal.summary.summarize import summarize_run

given = json.load(sys.stdin)
dataset = load_dataset(Path(given["file"]))
stores = open_stores(dataset, lambda _: StoreAccess(**given["access"]))
layout = stores.layout.variant(given["variant"])
done = summarize_run(stores, layout, given["run_key"])
found = verify_run(stores, layout, given["run_key"])
told = {"from": shoal.__file__, "summary": done.summary, "deviations": found.deviations, "notes": found.notes}
json.dump(told, sys.stdout)
"""


def files_of(section: str) -> dict[str, str]:
    """Read the files that a section of the page shows."""
    [text] = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    return dict(re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", text, re.DOTALL))


def unavailable(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder with Shoal's wheel and that of the page, as an installer leaves them."""
    tools = ROOT / ".shoal/tools/bin/uv"
    uv = str(tools) if tools.exists() else shutil.which("uv")
    if uv is None:
        unavailable("no wheel is built: no uv - `make .venv/.dev` brings it")
    folder = tmp_path_factory.mktemp("wheels")
    (folder / "sightings").mkdir()
    for name, text in files_of("An export").items():
        (folder / "sightings" / name).write_text(text, encoding="utf-8")
    for project in (ROOT, folder / "sightings"):
        call(uv, "build", "--quiet", "--wheel", "--python", sys.executable, "--out-dir", folder / "dist", project)
    wheels = sorted((folder / "dist").glob("*.whl"))
    assert [wheel.name.split("-")[0] for wheel in wheels] == ["shoal", "shoal_sightings"]
    call(uv, "pip", "install", "--quiet", "--no-deps", "--target", folder / "site", *wheels)
    return folder / "site"


def call(*words, **settings) -> str:
    ended = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, timeout=300, check=False, **settings
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_the_export_of_the_page_is_written_by_a_run_and_holds(installed, store, demo_models, scenes, tmp_path):
    asking = yaml.safe_load(files_of("An export")["dataset.yaml"])
    pipeline = make_pipeline(store, demo_models, tmp_path)
    pipeline.put_scenes([scene for scene in scenes if "0602-" in scene.key and scene.fish][:6])
    file = tmp_path / f"{pipeline.dataset.name}.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text(encoding="utf-8")), **asking}), encoding="utf-8")
    pipeline = pipeline.with_settings(**asking)
    plan = pipeline.plan()
    assert plan.to_json()["settings"]["exports"] == ["sightings"]
    pipeline.infer(plan)

    given = {
        "file": str(file), "access": asdict(store), "variant": plan.variant.directory, "run_key": plan.run_key,
    }  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    told = json.loads(call(sys.executable, "-c", SUMMARIZE, input=json.dumps(given), env=environment, cwd=tmp_path))
    assert Path(told["from"]).is_relative_to(installed), "the wheel's Shoal, not the checkout's"
    assert (told["deviations"], told["notes"]) == ([], [])
    summary = told["summary"]
    assert beside_report(summary) == [
        "counts-day.csv", "counts-month.csv", "failures.csv", "gaps.csv", "report.html", "sightings.csv",
    ]  # fmt: skip
    text = pipeline.stores.results.read_bytes(summary["folder"] + "sightings.csv").decode()
    lines = list(csv.DictReader(io.StringIO(text)))
    species = {entry["taxon"]: entry["detections"] for entry in summary["result"]["species"] if entry["detections"]}
    found = dict.fromkeys(species, 0)
    for line in lines:
        found[line["scientific_name"]] += int(line["detections"])
    assert found == species
    assert [line["key"] for line in lines] == sorted(line["key"] for line in lines)


def test_the_page_shows_whole_files():
    files = files_of("An export")
    assert list(files) == ["pyproject.toml", "shoal_sightings.py", "dataset.yaml"]
    compile(files["shoal_sightings.py"], "shoal_sightings.py", "exec")
