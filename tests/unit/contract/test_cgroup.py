"""Limits and counters of the control group we are in, as both versions write them."""

import pytest

from shoal.contract import cgroup

GIB = 1024**3


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """Lays out what the kernel says: our own path, and files below the root."""

    def say(own, files):
        (tmp_path / "own").write_text(own)
        for name, text in files.items():
            path = tmp_path / "root" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        monkeypatch.setattr(cgroup, "_OWN", tmp_path / "own")
        monkeypatch.setattr(cgroup, "_ROOT", tmp_path / "root")

    return say


UNIT = "system.slice/airflow.service"
V1_OWN = "5:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab\n1:name=systemd:/docker/ab\n"


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        pytest.param(
            "0::/\n",
            {
                "cpu.max": "150000 100000",
                "memory.max": str(4 * GIB),
                "memory.current": str(3 * GIB),
                "memory.stat": f"anon 1\ninactive_file {GIB}",
                "memory.events": "oom 1\noom_kill 2",
            },
            (1.5, 2.0 * GIB, 2, 4 * GIB),
            id="version 2, a container that sees the root alone",
        ),
        pytest.param(
            f"0::/{UNIT}\n",
            {
                f"{UNIT}/cpu.max": "max 100000",
                "system.slice/cpu.max": "50000 100000",
                f"{UNIT}/memory.max": "max",
                f"{UNIT}/memory.current": str(GIB),
                "system.slice/memory.max": str(8 * GIB),
                "system.slice/memory.current": str(5 * GIB),
                f"{UNIT}/memory.events": "oom_kill 0",
                "system.slice/memory.events": "oom_kill 7",
            },
            (0.5, 3.0 * GIB, 0, 8 * GIB),
            id="version 2, a limit above our own path",
        ),
        pytest.param(
            V1_OWN,
            {
                "cpu/docker/ab/cpu.cfs_quota_us": "200000",
                "cpu/docker/ab/cpu.cfs_period_us": "100000",
                "memory/docker/ab/memory.limit_in_bytes": str(2 * GIB),
                "memory/docker/ab/memory.usage_in_bytes": str(GIB),
                "memory/docker/ab/memory.stat": f"inactive_file 1\ntotal_inactive_file {GIB // 2}",
                "memory/docker/ab/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3",
            },
            (2.0, 1.5 * GIB, 3, 2 * GIB),
            id="version 1",
        ),
        pytest.param(
            V1_OWN,
            {
                "cpu/cpu.cfs_quota_us": "-1",
                "cpu/cpu.cfs_period_us": "100000",
                "memory/memory.oom_control": "oom_kill_disable 0\noom_kill 1",
            },
            (None, None, 1, None),
            id="version 1, no limit, a container that sees the root alone",
        ),
        pytest.param("", {}, (None, None, 0, None), id="a kernel that says nothing"),
    ],
)
def test_the_tightest_limit_on_the_way_to_the_root_holds(own, files, expected, kernel):
    kernel(own, files)
    found = (cgroup.read_core_limit(), cgroup.read_free_memory(), cgroup.count_oom_kills(), cgroup.read_memory_limit())
    assert found == expected
