"""CI deals every file of tests to a lane that can run it, longest first by what each took last time."""

import importlib.util
import json
import os
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def script(name: str):
    """Load one of CI's scripts."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f".ci/{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


ci = script("deal")
FILES = ci.test_files()
RECORDS = [
    pytest.param({}, id="nothing is recorded"),
    pytest.param(ci.read_record(), id="as recorded"),
    pytest.param({file: number * 7 % 90 for number, file in enumerate(FILES)}, id="in another order"),
]


@pytest.fixture(params=RECORDS)
def lanes(request) -> list[list[str]]:
    return ci.deal(FILES, request.param)


def test_every_file_is_run_once(lanes):
    assert len(lanes) == ci.LANES
    assert sorted(file for lane in lanes for file in lane) == FILES


def test_a_file_runs_where_it_may(lanes):
    for number, lane in enumerate(lanes):
        for file in lane:
            assert number in (ci.group_of(file).lanes or range(ci.LANES)), file


def test_what_shares_a_fixture_runs_in_one_lane_one_after_the_other(lanes):
    for group in (group for group in ci.GROUPS if group.together):
        files = [file for file in FILES if ci.group_of(file) is group]
        (lane,) = [lane for lane in lanes if set(files) & set(lane)]
        begins = lane.index(files[0])
        assert lane[begins : begins + len(files)] == files, group.name


def test_in_a_lane_what_waits_for_the_cluster_comes_later_and_what_stays_up_last(lanes):
    for lane in lanes:
        turns = [ci.group_of(file).turn for file in lane]
        assert turns == sorted(turns)


def test_the_table_speaks_of_files_that_are_there():
    patterns = [pattern for group in ci.GROUPS for pattern in group.patterns]
    assert [pattern for pattern in patterns if not any(fnmatch(file, pattern) for file in FILES)] == []


def test_the_longest_is_dealt_first_and_the_shortest_fills_up():
    files = {
        f"tests/test_{letter}.py": seconds for letter, seconds in zip("abcdefg", (9, 7, 5, 4, 4, 3, 1), strict=True)
    }
    record = {**files, ci.LINT: 1.0}
    lanes = ci.deal(files, record)
    assert sorted(sum(files[file] for file in lane) for lane in lanes) == [8, 8, 8, 9]
    assert all(lane == sorted(lane, key=lambda file: -files[file]) for lane in lanes)


def test_a_file_that_was_never_run_counts_as_its_group_says():
    new = "tests/stories/pods/test_something_new.py"
    (hand,) = ci.hands([new], {})
    assert hand.seconds == ci.group_of(new).guess_s > ci.group_of("tests/test_new.py").guess_s


def test_the_seconds_of_a_fixture_count_for_the_file_that_made_it(tmp_path):
    (tmp_path / "conftest.py").write_text(
        "import pytest, time\npytest_plugins = ['durations']\n"
        "@pytest.fixture(scope='session')\ndef slow():\n    time.sleep(0.5)\n"
    )
    for name in ("test_first.py", "test_second.py"):
        (tmp_path / name).write_text("def test_it(slow):\n    pass\n")
    measured = tmp_path / "measured.json"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests/houses"), "SHOAL_TEST_DURATIONS": str(measured)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    lane = json.loads(measured.read_text())
    assert lane["files"]["test_first.py"] >= 0.5 > lane["files"]["test_second.py"]
    assert lane["wall_s"] >= 0.5
    assert lane["cpu_s"].keys() == lane["files"].keys()
    assert all(0 <= seconds < 0.5 for seconds in lane["cpu_s"].values()), "who sleeps takes none"


def test_the_report_names_lanes_and_slowest_files_and_keeps_what_was_not_run():
    report = script("report")
    lanes = {
        "lane 0": {
            "wall_s": 61.2,
            "files": {"tests/test_a.py": 50.04, "tests/test_b.py": 9.0},
            "cpu_s": {"tests/test_a.py": 2.0, "tests/test_b.py": 8.0},
        },
        "lint": {"wall_s": 70, "files": {ci.LINT: 70}},
    }
    shown = report.table(lanes)
    assert "lane 0         2      61      10" in shown
    assert shown[-7:-3] == ["     70  make lint", "     50  tests/test_a.py", "      9  tests/test_b.py", ""]
    assert shown[-2:] == ["      8  tests/test_b.py", "      2  tests/test_a.py"]
    before = {"tests/test_gone.py": 3.0, "tests/test_a.py": 1.0, "tests/test_not_run.py": 4.0}
    now = report.merged(before, lanes, ["tests/test_a.py", "tests/test_b.py", "tests/test_not_run.py"])
    assert now == {"make lint": 70, "tests/test_a.py": 50.0, "tests/test_b.py": 9.0, "tests/test_not_run.py": 4.0}
