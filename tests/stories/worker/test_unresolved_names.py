"""A name server that fails: no image is called denied or failed for it, and what is said sends people to it."""

import subprocess
from dataclasses import replace

import pytest

from shoal.contract.exit_codes import WorkerExit
from worker.images import dark_jpeg
from worker.name_server import asking, name_server
from worker.onnx_models import constant_model
from worker.processes import Workplace

STORE, LISTENS = "store.shoal.test", "127.0.0.93"


@pytest.fixture
def names():
    with name_server(STORE, "127.0.0.1", LISTENS) as server:
        yield server


@pytest.fixture
def workplace(running_store, empty_bucket):
    """Forty images in a store that workers know by name."""
    made = Workplace(running_store, empty_bucket, constant_model())
    made.images = {f"{n:02}.jpg": dark_jpeg(n % 9) for n in range(40)}
    made.lay_out()
    return made


def work(workplace, folder):
    named = replace(
        workplace.store.access, endpoint_url=workplace.store.access.endpoint_url.replace("127.0.0.1", STORE)
    )
    roles = named.to_env("source") | named.to_env("models") | named.to_env("results")
    return subprocess.run(
        asking(LISTENS, folder, workplace.command()), env=workplace.env(**roles), capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip


def test_a_name_that_is_resolved_again_soon_costs_nothing(workplace, names, tmp_path):
    names.fails = lambda: names.asked <= 4
    done = work(workplace, tmp_path)
    assert done.returncode == WorkerExit.DONE, done.stderr
    assert set(workplace.statuses().values()) == {"processed"}
    assert len(workplace.rows()) == 40
    assert names.failed


def test_a_name_that_stays_unresolved_ends_the_attempt_with_where_to_look(workplace, names, tmp_path):
    names.fails = lambda: True
    done = work(workplace, tmp_path)
    assert done.returncode == WorkerExit.INFRASTRUCTURE, done.stderr
    assert workplace.rows() == {}
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith(f"No answer from http://{STORE}:")
    assert "Temporary failure in name resolution" in line
    assert line.endswith("- check name resolution (DNS) where this runs and the endpoint of the connection")
