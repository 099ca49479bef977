"""What is built once for all checkouts: found again, never half built, never damaged, and not kept for ever."""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.binaries import CHECKOUT, PAUSE
from cluster.cache import BIN, IMAGES, UNUSED_S, built, digest_of, is_built, lock

DIGESTS = [f"{number:016x}" for number in range(6)]


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch) -> Path:
    """A cache of the test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SHOAL_TEST_CACHE", str(folder))
    return folder


def tool(folder: Path) -> None:
    (folder / "tool").write_text("built")


def never(folder: Path) -> None:
    raise AssertionError(f"{folder} was built again")


def test_what_was_built_is_found(empty_cache):
    entry = built(BIN, "tool", DIGESTS[0], tool)
    assert entry == empty_cache / f"bin/tool-{DIGESTS[0]}"
    assert built(BIN, "tool", DIGESTS[0], never) == entry
    assert (entry / "tool").read_text() == "built"


def test_a_build_that_fails_leaves_nothing_that_is_used():
    def fails(folder):
        tool(folder)
        raise RuntimeError("the compiler has gone")

    with pytest.raises(RuntimeError, match="the compiler has gone"):
        built(BIN, "tool", DIGESTS[0], fails)
    assert not is_built(BIN, "tool", DIGESTS[0])
    built(BIN, "tool", DIGESTS[0], tool)
    assert {path.name for path in BIN.folder.iterdir() if path.is_dir()} == {f"tool-{DIGESTS[0]}"}


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda entry: (entry / "tool").write_text("bui"), id="a file is short"),
        pytest.param(lambda entry: (entry / "tool").unlink(), id="a file is missing"),
        pytest.param(lambda entry: (entry / "sizes.json").write_text(""), id="nobody knows what belongs to it"),
    ],
)
def test_a_damaged_entry_is_built_again(damage):
    entry = built(BIN, "tool", DIGESTS[0], tool)
    damage(entry)
    built(BIN, "tool", DIGESTS[0], tool)
    assert (entry / "tool").read_text() == "built"


def test_an_entry_without_what_belongs_to_it_elsewhere_is_built_again():
    entry = built(IMAGES, "worker", DIGESTS[0], tool)
    (entry / "tool").write_text("other")
    built(IMAGES, "worker", DIGESTS[0], tool, usable=lambda: False)
    assert (entry / "tool").read_text() == "built"


def test_two_at_once_build_once(empty_cache):
    code = (
        "import time\nfrom cluster.cache import BIN, built\n"
        "def build(folder):\n    time.sleep(0.5)\n    (folder / 'tool').write_text('built')\n    print('built it')\n"
        f"built(BIN, 'tool', '{DIGESTS[0]}', build)"
    )
    environment = {**os.environ, "PYTHONPATH": f"{CHECKOUT}/include:{CHECKOUT}/tests/houses"}
    processes = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    told = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert "".join(told) == "built it\n"


def test_a_program_is_the_same_in_every_checkout_until_its_source_changes(tmp_path):
    module = tmp_path / "elsewhere/pause"
    shutil.copytree(PAUSE.module, module)
    copy = replace(PAUSE, module=module)
    assert copy.digest() == PAUSE.digest()
    (module / "main.go").write_text("package main")
    assert copy.digest() != PAUSE.digest()
    assert replace(PAUSE, ldflags="-X main.a=b").digest() != PAUSE.digest()


def test_names_and_modes_of_files_belong_to_what_something_is_made_of(tmp_path):
    path = tmp_path / "file"
    path.write_text("content")
    path.chmod(0o644)
    digest = digest_of([("file", path)])
    assert digest_of([("file", path)]) == digest
    assert digest_of([("other", path)]) != digest
    path.chmod(0o600)
    assert digest_of([("file", path)]) != digest


def used(kind, name, ages_s):
    """Make an entry per age, used so long ago."""
    for digest, age_s in zip(DIGESTS, ages_s, strict=False):
        entry = built(kind, name, digest, tool)
        os.utime(entry, (time.time() - age_s,) * 2)


def left(kind, name):
    return [digest for digest in DIGESTS if is_built(kind, name, digest)]


def test_the_newest_stay_and_so_does_what_may_be_in_use():
    day_s, too_old_s = 24 * 3600, IMAGES.in_use_s + 60
    used(IMAGES, "worker", [day_s, too_old_s, too_old_s - 1, 30, 20])
    built(IMAGES, "worker", DIGESTS[5], tool)
    assert left(IMAGES, "worker") == DIGESTS[3:]


def test_what_nobody_asked_for_goes_whatever_it_is():
    used(BIN, "given-up", [UNUSED_S + 60])
    built(BIN, "tool", DIGESTS[0], tool)
    assert left(BIN, "given-up") == []
    assert left(BIN, "tool") == DIGESTS[:1]


def test_an_entry_that_is_asked_for_stays():
    used(BIN, "tool", [UNUSED_S - 60])
    built(BIN, "tool", DIGESTS[0], never)
    assert time.time() - (BIN.folder / f"tool-{DIGESTS[0]}").stat().st_mtime < 60


def test_a_lock_of_one_name_does_not_hold_another():
    with lock(BIN, "kubernetes"):
        built(BIN, "tool", DIGESTS[0], tool)
