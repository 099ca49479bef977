"""An embedded installation in a folder of its own, used through the commands a person types."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster.cache import DATABASES, built, digest_of
from drawn_scenes import SCENES, made_by
from impatience import write_policies
from metadata_database import airflow_packages
from shoal.embedded import fill
from shoal.embedded import home as embedded_home
from shoal.embedded.fill import fill_demo, prepare_folders
from shoal.embedded.home import Home
from shoal.embedded.own_files import OwnFiles
from shoal.embedded.processes.rclone import embedded_store
from shoal.embedded.samples import bad_files, demo_model

ROOT = Path(__file__).parents[2]
OF_DATABASE = ("airflow.db", "migrated-")
"""How the names of files begin that a made database consists of."""


@dataclass(frozen=True)
class Installation:
    """A `.shoal` folder and the commands over it."""

    home: Path

    @property
    def environment(self) -> dict[str, str]:
        # COLUMNS: the table is not folded, so that tests can read it.
        return {**os.environ, "SHOAL_HOME": str(self.home), "PYTHONPATH": str(ROOT / "include"), "COLUMNS": "160"}

    def start(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "shoal", *words], env=self.environment, cwd=ROOT, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def run(self, *words: str, timeout_s: float = 600) -> "subprocess.CompletedProcess[str]":
        process = self.start(*words)
        try:
            output, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            raise
        return subprocess.CompletedProcess(words, process.returncode, output)

    def airflow(self, code: str, **variables: str) -> str:
        """Run Python where Airflow is configured as this installation configures it; return what it prints last."""
        program = (
            "from shoal.embedded.home import Home\nfrom shoal.stores.s3_access import StoreAccess\nimport os\n"
            "home = Home.find(); home.make()\n"
            "os.environ.update(home.airflow_environment(StoreAccess('http://127.0.0.1:9', 'nobody', 'nothing')))\n"
            f"{code}"
        )
        ended = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program], env=self.environment | variables, cwd=ROOT, text=True, capture_output=True,
            check=False, timeout=600,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip().splitlines()[-1]


def lay_database(new_database: Path, home: Path) -> None:
    """Give a folder Airflow's database as `new_database` made it; a first command would take ten seconds to make the same."""
    folder = home / "airflow"
    folder.mkdir(mode=0o700, parents=True)
    for path in new_database.iterdir():
        if path.name.startswith(OF_DATABASE):
            shutil.copy2(path, folder)


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory, new_database: Path) -> Installation:
    """One installation for the whole session, with nothing but Airflow's database: tests that need it changed say so."""
    home = tmp_path_factory.mktemp("shoal-home")
    lay_database(new_database, home)
    return Installation(home)


@pytest.fixture(scope="session")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Airflow's folder once its database is made, ten seconds of a processor, and nothing has run; kept by what makes it."""

    def make(entry: Path) -> None:
        installation = Installation(tmp_path_factory.mktemp("new") / "home")
        installation.airflow(
            "home.migrate(StoreAccess('http://127.0.0.1:9', 'nobody', 'nothing'), lambda: None)\nprint('made')"
        )
        for path in (installation.home / "airflow").iterdir():
            if path.name.startswith(OF_DATABASE):
                shutil.copy2(path, entry)

    made_by = [("", Path(__file__)), ("", Path(embedded_home.__file__))]
    return built(DATABASES, "embedded", digest_of(made_by, *airflow_packages()), make)


@pytest.fixture(scope="session")
def demo_content(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the first demo draws, seconds of a processor, kept: its buckets, and the mark that they are filled."""

    def make(entry: Path) -> None:
        home = Home(tmp_path_factory.mktemp("content") / "home")
        home.make()
        prepare_folders(home, OwnFiles(None, None))
        with embedded_store(home.store, home.logs / "store.log") as access:
            fill_demo(home, access)
        shutil.copytree(home.store, entry / "store")
        shutil.copy2(home.root / "filled", entry)

    return built(
        SCENES, "content", made_by(Path(__file__), *(Path(one.__file__) for one in (fill, bad_files, demo_model))), make
    )


@pytest.fixture
def fresh_installation(tmp_path: Path, new_database: Path, demo_content: Path) -> Installation:
    """An installation in which nothing has run."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    shutil.copytree(demo_content / "store", home / "store")
    shutil.copy2(demo_content / "filled", home)
    lay_database(new_database, home)
    write_policies(home / "airflow")
    return Installation(home)
