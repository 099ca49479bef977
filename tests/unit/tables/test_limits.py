"""What DuckDB may take: of a container, of a machine, of a dataset file."""

import pytest

from shoal.contract import cgroup
from shoal.contract.errors import ConfigError
from shoal.contract.units import read_size, size_text
from shoal.settings.dataset import Run
from shoal.tables import limits
from shoal.tables.limits import Limits, limits_of

MIB, GIB = 1024**2, 1024**3


@pytest.mark.parametrize(
    ("memory", "cpus", "run", "expected"),
    [
        pytest.param((64 * GIB, None), (16, None), Run(), Limits(448 * MIB, 3), id="a large machine: not more without being told"),
        pytest.param((64 * GIB, GIB), (16, 2.5), Run(), Limits(256 * MIB, 2), id="a container of 1 GiB and 2.5 CPUs"),
        pytest.param((GIB, 9 * 10**18), (1, None), Run(), Limits(256 * MIB, 1), id="version 1 writes a huge number for no limit"),
        pytest.param((64 * GIB, 512 * MIB), (8, 0.5), Run(), Limits(256 * MIB, 1), id="less than the largest step needs: that is taken"),
        pytest.param((64 * GIB, None), (16, None), None, Limits(448 * MIB, 3), id="a session of no dataset"),
        pytest.param((64 * GIB, None), (16, None), Run(memory="4GiB"), Limits(4 * GIB, 16), id="more memory lets more threads work"),
        pytest.param((64 * GIB, GIB), (16, None), Run(threads=8), Limits(512 * MIB, 8), id="each thread has its memory, up to half of what there is"),
        pytest.param((64 * GIB, GIB), (2, None), Run(memory="256MiB", threads=6), Limits(256 * MIB, 6), id="who says both has both"),
    ],
)  # fmt: skip
# memory, cpus: of the machine, and of the container that the process is in.
def test_a_session_takes_a_share_of_what_its_process_may_use(memory, cpus, run, expected, monkeypatch):
    monkeypatch.setattr(limits.psutil, "virtual_memory", lambda: type("Memory", (), {"total": memory[0]}))
    monkeypatch.setattr(limits, "read_memory_limit", lambda: memory[1])
    monkeypatch.setattr(cgroup, "read_core_limit", lambda: cpus[1])
    monkeypatch.setattr(cgroup.os, "sched_getaffinity", lambda _: set(range(cpus[0])))
    assert limits_of(run) == expected


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("512MiB", 512 * MIB), ("2GiB", 2 * GIB), ("2Gi", 2 * GIB), ("1.5 GB", 1_500_000_000), ("300KiB", 300 * 1024)],
)
def test_a_size_is_read_with_its_unit(text, size_bytes):
    assert read_size(text) == size_bytes


@pytest.mark.parametrize(
    ("memory", "said"),
    [
        pytest.param("64MiB", "64MiB is less than 256 MiB, which the largest step needs - write that or more, or leave it out", id="too little"),
        pytest.param("2048", "Invalid size '2048' - write a number and a unit, such as 512MiB or 2GiB", id="no unit"),
        pytest.param("-1GiB", "Invalid size '-1GiB'", id="less than nothing"),
        pytest.param("²GiB", "Invalid size '²GiB'", id="no digit of ours"),
        pytest.param("lots", "Invalid size 'lots'", id="no number"),
    ],
)  # fmt: skip
def test_memory_that_cannot_be_meant_is_refused(memory, said):
    with pytest.raises(ValueError) as refused:
        Run(memory=memory)
    assert said in str(refused.value)


def test_a_size_is_written_for_people():
    assert [size_text(size) for size in (256 * MIB, 1536 * MIB, 700_000_000_000)] == ["256 MiB", "1.5 GiB", "652 GiB"]


def test_a_size_without_a_unit_is_a_mistake_in_a_dataset_file():
    with pytest.raises(ConfigError, match="write a number and a unit"):
        read_size("1e99999999")


@pytest.mark.parametrize(
    ("machine_bytes", "run", "images", "expected_bytes"),
    [
        pytest.param(64 * GIB, Run(), 3_999_999, 448 * MIB, id="not many"),
        pytest.param(64 * GIB, Run(), 4_000_000, GIB, id="many"),
        pytest.param(64 * GIB, Run(), 400_000_000, GIB, id="and never more"),
        pytest.param(3 * GIB, Run(), 4_000_000, 768 * MIB, id="a quarter of what the process may use"),
        pytest.param(64 * GIB, Run(memory="512MiB"), 4_000_000, 512 * MIB, id="what the dataset file says"),
    ],
)
def test_a_summary_of_many_images_takes_more(monkeypatch, machine_bytes, run, images, expected_bytes):
    monkeypatch.setattr(limits, "read_memory_bytes", lambda: machine_bytes)
    assert limits_of(run, images=images).memory_bytes == expected_bytes


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        pytest.param(Run(memory="2GiB", threads=4), Limits(GIB, 4), id="half of what the dataset file says"),
        pytest.param(
            Run(memory="1GiB", threads=8), Limits(512 * MIB, 4), id="and no more threads than that is enough for"
        ),
        pytest.param(Run(memory="256MiB"), Limits(256 * MIB, 2), id="not less than the largest step needs"),
    ],
)
def test_a_session_beside_another_one_takes_half(monkeypatch, run, expected):
    monkeypatch.setattr(limits, "read_cores", lambda: 16)
    assert limits_of(run, beside=1) == expected
