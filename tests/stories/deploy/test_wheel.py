"""Shoal as `pip install` gives it: the wheel alone, in an empty folder, for somebody whose home folder stays empty."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from airflow_rest import AirflowRest
from cluster.processes import free_port
from waiting import wait_until

CHECKOUT = Path(__file__).parents[3]
DAGS = ["backfill_demo", "reanalyse_demo"]
CLOSED = subprocess.DEVNULL


@dataclass(frozen=True)
class Installed:
    """Somebody's virtual environment, empty folder and empty home.

    Attributes:
        venv: Where the wheel is installed.
        place: The folder they type commands in.
        home: Their home folder.
    """

    venv: Path
    place: Path
    home: Path

    def environment(self, **variables: str) -> dict[str, str]:
        path = f"{self.venv}/bin:/usr/local/bin:/usr/bin:/bin"
        return {"PATH": path, "HOME": str(self.home), "LANG": "C.UTF-8", "COLUMNS": "160", **variables}

    def run(self, *words: str, **variables: str) -> str:
        ran = subprocess.run(
            words, cwd=self.place, env=self.environment(**variables), text=True, capture_output=True, check=False,
            timeout=900, stdin=CLOSED,
        )  # fmt: skip
        assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def summary(self) -> dict:
        """The summary of the last run."""
        (*_, last) = sorted((self.place / ".shoal/store/demo-results").rglob("summary.json"))
        return json.loads(last.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Installed:
    """The wheel and what it needs, with the versions that are locked."""
    folder = tmp_path_factory.mktemp("wheel")
    uv = _find_uv()
    subprocess.run([uv, "build", "--quiet", "--wheel", "--out-dir", str(folder), str(CHECKOUT)], check=True)
    (wheel,) = folder.glob("*.whl")
    installed = Installed(folder / "venv", folder / "place", folder / "home")
    for made in (installed.place, installed.home):
        made.mkdir()
    locked = _without_hashes(CHECKOUT / "requirements.txt", folder / "locked.txt")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(installed.venv)], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", str(installed.venv / "bin/python")]
    subprocess.run([*install, "--constraints", str(locked), f"shoal[demo] @ {wheel.as_uri()}"], check=True)
    return installed


@pytest.fixture(scope="module")
def demo(installed) -> str:
    return installed.run("shoal", "demo")


@pytest.fixture(scope="module")
def settings(installed, demo) -> dict[str, str]:
    """What `shoal airflow-config` says to set, over the database that the demo made."""
    words = installed.run("shoal", "airflow-config", "--datasets", ".shoal/datasets")
    said = installed.run("sh", "-c", f"set -a\n{words}\nexec env -0")
    found = dict(line.split("=", 1) for line in said.rstrip("\0").split("\0"))
    return {
        "AIRFLOW_HOME": str(installed.place / ".shoal/airflow"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        **{name: value for name, value in found.items() if name.startswith("AIRFLOW__")},
    }  # fmt: skip


@pytest.fixture(scope="module")
def run_in_up(installed, demo) -> str:
    """The state of a run that was triggered in `shoal up`, which Ctrl-C then ended."""
    port = free_port()
    process = subprocess.Popen(
        ["shoal", "up", "--port", str(port)], cwd=installed.place, env=installed.environment(), text=True, stdin=CLOSED,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    family = []
    try:
        said = "".join(_until_password(process))
        rest = AirflowRest(port, re.search(r"password (\S+)", said)[1])
        family = psutil.Process(process.pid).children(recursive=True)
        # The web interface may be healthy before the DAG processor has read its first file.
        wait_until(lambda: len(rest.get("dags")["dags"]) == len(DAGS), 300, "the DAGs", pause_s=0.5)
        assert sorted(dag["dag_id"] for dag in rest.get("dags")["dags"]) == DAGS
        assert {dag["bundle_name"] for dag in rest.get("dags")["dags"]} == {"shoal"}
        assert rest.get("importErrors")["total_entries"] == rest.get("plugins/importErrors")["total_entries"] == 0
        return rest.finished(DAGS[1], rest.trigger(DAGS[1]))
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=180)
        _, alive = psutil.wait_procs(family, timeout=30)
        assert alive == []


def test_the_demo_gives_the_result_of_a_checkout(installed, demo, fresh_installation):
    """Both draw the same scenes, so nothing but the installation can differ."""
    checkout = fresh_installation.run("demo")
    assert checkout.returncode == 0, checkout.stdout
    (sha256,) = re.findall(r"result sha256 (\w{64})", demo)
    assert re.findall(r"result sha256 (\w{64})", checkout.stdout) == [sha256]
    assert installed.summary()["result_sha256"] == sha256


def test_airflow_has_shoal_s_plugin_once(installed, settings):
    found = json.loads(_last_line(installed.run("airflow", "plugins", "-o", "json", **settings)))
    (plugin,) = [plugin for plugin in found if plugin["name"] == "shoal"]
    assert "shoal==" in plugin["source"]
    links = " ".join(plugin["operator_extra_links"])
    assert all(name in links for name in ("PlanLink", "SummaryLink", "ReportLink", "NextRunLink")), links


def test_airflow_lists_shoal_among_its_providers(installed, settings):
    found = json.loads(_last_line(installed.run("airflow", "providers", "list", "-o", "json", **settings)))
    assert "shoal" in {provider["package_name"] for provider in found}


def test_a_run_in_the_web_interface_s_airflow_ends_well(run_in_up, installed):
    assert run_in_up == "success"
    assert installed.summary()["run"]["balance"]["reused"] == 126


def test_airflow_lists_the_dags_of_the_bundle_once_it_is_configured(installed, settings, run_in_up):
    listed = json.loads(_last_line(installed.run("airflow", "dags", "list", "-B", "shoal", "-o", "json", **settings)))
    assert sorted(dag["dag_id"] for dag in listed) == DAGS


def test_all_files_are_in_one_folder_and_the_home_folder_stays_empty(installed, run_in_up, settings):
    assert [path.name for path in installed.place.iterdir()] == [".shoal"]
    assert list(installed.home.iterdir()) == []


def _last_line(said: str) -> str:
    """Airflow may warn before it answers."""
    return said.strip().splitlines()[-1]


def _find_uv() -> str:
    made = CHECKOUT / ".shoal/tools/bin/uv"
    found = str(made) if made.exists() else shutil.which("uv")
    if found is None:
        pytest.skip("the wheel is not tested: no uv in .shoal/tools (make test installs it) and none on PATH")
    return found


def _without_hashes(requirements: Path, to: Path) -> Path:
    """Read the locked versions as constraints; a wheel that was just built has no hash, and so nothing may be asked for one."""
    lines = re.findall(r"^[\w.-]+(?:\[[\w,-]+\])?==[^\\\n]+", requirements.read_text(encoding="utf-8"), re.MULTILINE)
    to.write_text("\n".join(lines), encoding="utf-8")
    return to


def _until_password(process: "subprocess.Popen[str]"):
    for line in process.stdout:
        yield line
        if "password" in line:
            return
