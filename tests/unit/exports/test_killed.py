"""An export whose process is killed in the middle: what has its name is whole, and the same command goes on with the next file."""

import os
import pickle
import subprocess
import sys

import pytest

from shoal.answers.where import Where
from shoal.contract.errors import ConfigError
from shoal.exports.export import find_afterwards
from shoal.exports.on_demand import Order, export_to_folder
from shoal.exports.out_folder import BEGUN, TOLD
from shoal.tables.session import open_database

DIES = {
    "camtrap-dp": ("observations.csv", {"deployments.csv", "media.csv"}),
    "darwin-core": ("darwin-core.zip", set()),
    "long": ("long.parquet", {"long.csv"}),
    "yolo": ("images.csv", {"labels"}),
}
"""At which file, written and without its name yet; and what is whole then."""

SCRIPT = """
import os, pickle, signal, sys
from shoal.exports import whole_file
from shoal.exports.on_demand import export_to_folder
from shoal.stores.kinds import open_store
from shoal.tables.session import open_database

orders, access, bucket = pickle.load(sys.stdin.buffer)
give_name = whole_file.give_name

def export(order, folder, dies_at):
    def dying(part, path):
        if path.name == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        give_name(part, path)
    whole_file.give_name = dying
    with open_database(open_store(access, bucket)) as database:
        export_to_folder(database, order, folder)

for order, folder, dies_at in orders:
    if (child := os.fork()) == 0:
        export(order, folder, dies_at)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
"""


@pytest.fixture(scope="module")
def killed(reef, tmp_path_factory):
    """Folders that killed processes left, and what each was asked for."""
    root, results = tmp_path_factory.mktemp("killed"), reef.pipeline.stores.results
    orders = {name: Order(reef.run, reef.pipeline.dataset, find_afterwards(name, {}), Where()) for name in DIES}
    asked = [(order, root / name, DIES[name][0]) for name, order in orders.items()]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folder for folder in sys.path if folder)}
    said = pickle.dumps((asked, results.access, results.bucket))
    done = subprocess.run([sys.executable, "-c", SCRIPT], input=said, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return root, orders


@pytest.mark.parametrize("name", DIES)
def test_it_goes_on_where_it_was_killed(reef, killed, tmp_path, name):
    folder, order = killed[0] / name, killed[1][name]
    dies_at, whole = DIES[name]
    there = {path.name: path.stat().st_ino for path in folder.iterdir()}
    assert set(there) == {BEGUN, f".{dies_at}.part", *whole}, "nothing has a name that is not whole"
    with open_database(reef.pipeline.stores.results) as database:
        part = Order(order.run, order.dataset, order.export, Where(cameras=("A",)))
        with pytest.raises(
            ConfigError, match=r"holds another export \(its --where differs\) - name another --out, or delete it"
        ):
            export_to_folder(database, part, folder)
        assert not export_to_folder(database, order, folder).again
        export_to_folder(database, order, tmp_path / "at once")
    files = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    assert {path: (folder / path).read_bytes() for path in files} == {
        path.relative_to(tmp_path / "at once"): path.read_bytes()
        for path in (tmp_path / "at once").rglob("*")
        if path.is_file()
    }
    assert TOLD in {str(path) for path in files}
    kept = {name: (folder / name).stat().st_ino for name in whole - {"labels"}}
    assert kept == {name: there[name] for name in kept}, "files that were whole are not written again"
