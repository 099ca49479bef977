"""Dataset files in a DAG bundle: Airflow fetches them from git, and no part of it is told of a folder of theirs."""

import io
import json
import os
from pathlib import Path

import pytest
import yaml

from dataset_settings import dataset_settings
from git_provider import Repository, provider_packages
from reef_airflow import NEVER, make_buckets
from running_airflow import running_airflow
from shoal.embedded.home import CONN_ID, Home
from shoal.settings.dataset_files import DATASETS_VARIABLE
from waiting import wait_until

pytestmark = pytest.mark.skipif(
    not os.environ.get("SHOAL_WIDE"),
    reason="an Airflow of its own, with packages that Shoal does without: make test-wide",
)

READY_S, PARSED_S, RUN_S = 300, 300, 400
ROOT = Path(__file__).parents[3]
PREFIX, NIGHTS = "bundled", "reanalyse_reef"
DAG_FILE = (
    (ROOT / "docs/production.md")
    .read_text(encoding="utf-8")
    .partition("<!-- dag: bundle -->\n```python\n")[2]
    .partition("```")[0]
)
"""What the manual shows."""


def settings(**sections):
    """The dataset file; a run of it asks somebody first, so that it can be held."""
    run = {**NEVER, "approval_cpu_hours": 0}
    given = dataset_settings(PREFIX, CONN_ID, cluster={"share": 1.0, "max_pods": 1}, run=run, **sections)
    return yaml.safe_dump(given)


class Site:
    """A running Airflow whose DAGs and dataset files lie in git."""

    def __init__(self, home, airflow, repository, first):
        self.home, self.airflow, self.rest = home, airflow, airflow.rest
        self.repository, self.first = repository, first

    def dags(self):
        return {dag["dag_id"] for dag in self.rest.get("dags?dag_id_pattern=reef")["dags"]}

    def run(self, run_id):
        return self.rest.get(f"dags/{NIGHTS}/dagRuns/{run_id}")

    def summary(self, run_id):
        uri = self.rest.xcom(NIGHTS, run_id, "summarize")["summary"]
        return json.loads((self.home.store / uri.removeprefix("s3://")).read_text(encoding="utf-8"))

    def page(self, path):
        answer = self.rest.http.request("GET", f"{self.rest.url}/shoal/{path}", headers=self.rest.headers)
        return answer.status, answer.data

    def shows(self, path, word):
        def shown():
            status, body = self.page(path)
            return status == 200 and word in body.decode()

        return wait_until(shown, 60, lambda: f"{word} in {path}: {self.page(path)}", pause_s=1)


@pytest.fixture(scope="module")
def site(demo_models, scenes, tmp_path_factory):
    from shoal.embedded.processes.rclone import embedded_store

    folder = tmp_path_factory.mktemp("bundle")
    repository, home = Repository(folder), Home(folder / "home")
    first = repository.push(
        {"dags/reef_dags.py": DAG_FILE, "dags/datasets/reef.yaml": settings(conf=0.25), "README.md": "Ours.\n"}
    )
    home.make()
    git = {
        "name": "science",
        "classpath": "airflow.providers.git.bundles.git.GitDagBundle",
        "kwargs": {"repo_url": repository.url, "tracking_ref": "main", "subdir": "dags", "refresh_interval": 3},
    }
    local = {"name": "dags-folder", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {}}
    with embedded_store(home.store, home.logs / "store.log") as access:
        make_buckets(access, demo_models, PREFIX)
        for scene in scenes[:6]:
            access.connect().put_object(f"{PREFIX}-images", scene.key, io.BytesIO(scene.jpeg), len(scene.jpeg))
        environment = {
            **home.airflow_environment(access),
            "PYTHONPATH": os.pathsep.join([str(ROOT / "include"), str(provider_packages())]),
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([local, git]),
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(folder / "bundles"),
        }
        del environment[DATASETS_VARIABLE]
        environment["SHOAL_HOME"] = str(folder / "nothing")  # nor is there an embedded folder
        with running_airflow(home, environment) as airflow:
            for path in airflow.dags.glob("*.py"):
                path.unlink()  # the DAG file of the configured folder: there is none
            made = Site(home, airflow, repository, first)
            wait_until(lambda: made.dags() == {NIGHTS, "backfill_reef"}, READY_S, "the DAGs", pause_s=1)
            yield made


@pytest.fixture(scope="module")
def held(site):
    """A run that waits for a person while the dataset file gets another threshold."""
    run_id = site.rest.trigger(NIGHTS)
    site.rest.asked(NIGHTS, run_id)
    second = site.repository.push({"dags/datasets/reef.yaml": settings(conf=0.6)})
    wait_until(
        lambda: "0.6" in site.rest.get(f"dags/{NIGHTS}/details")["doc_md"], PARSED_S, "the second version", pause_s=1
    )
    site.rest.answer(NIGHTS, run_id, "Approve")
    assert site.rest.finished(NIGHTS, run_id, RUN_S) == "success"
    return run_id, second


def test_the_dags_are_those_of_the_bundle(site):
    assert site.rest.get(f"dags/{NIGHTS}")["bundle_name"] == "science"


def test_a_run_ends_with_the_dataset_file_of_its_own_version(site, held):
    run_id, second = held
    assert site.run(run_id)["bundle_version"] == site.first != second
    assert site.summary(run_id)["result"]["conf"] == 0.25


def test_the_next_run_takes_the_dataset_file_of_today(site, held):
    run_id = site.rest.trigger(NIGHTS)
    assert site.rest.finished(NIGHTS, run_id, RUN_S) == "success"
    assert site.run(run_id)["bundle_version"] == held[1]
    assert site.summary(run_id)["result"]["conf"] == 0.6


def test_the_pages_find_the_dataset_and_its_images_without_a_folder(site, held):
    assert site.shows("", ">reef<")
    assert site.shows(f"dataset/{NIGHTS}", "Dataset reef")
    run = site.rest.xcom(NIGHTS, held[0], "plan", "plan")
    images = f"images/{NIGHTS}/{run['variant']}/{run['run_key']}"
    assert site.shows(images, 'class="shot"')
    picture = site.page(images)[1].decode().partition('src="/shoal/picture/')[2].partition('"')[0].replace("&amp;", "&")
    status, body = site.page(f"picture/{picture}")
    assert (status, body[:2]) == (200, b"\xff\xd8"), "drawn from the images' bucket, which the dataset file names"


def test_a_broken_dataset_file_of_the_bundle_is_shown_with_its_line(site):
    site.repository.push({"dags/datasets/reef.yaml": settings(), "dags/datasets/typo.yaml": f"{settings()}sauce: 1\n"})
    wait_until(lambda: site.rest.get("dags?dag_id_pattern=broken_typo")["dags"], PARSED_S, "the broken file", pause_s=1)
    assert site.shows("", "typo.yaml: sauce: no such field")


def test_a_dataset_file_that_is_gone_takes_its_dags_away(site, held):
    site.repository.push({}, "dags/datasets/typo.yaml", "dags/datasets/reef.yaml")
    wait_until(lambda: not site.dags(), 2 * PARSED_S, "the DAGs to go", pause_s=2)
