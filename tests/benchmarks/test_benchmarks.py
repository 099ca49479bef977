"""The benchmarks run and print their tables; what they measure on a machine that also runs tests means nothing."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import onnxruntime
import pytest

from shoal.exports.export import BY_MONTH, PACKAGES

CHECKOUT = Path(__file__).parents[2]
BENCHMARKS = CHECKOUT / "benchmarks"
wide = pytest.mark.skipif(
    not os.environ.get("SHOAL_WIDE"), reason="a benchmark takes up to half a minute of a processor: make test-wide"
)
LOAD = """
import runpy, sys
for path in sys.argv[1:]:
    runpy.run_path(path, run_name="loaded")
"""


def run_benchmark(name: str, *options: str, ends_with: int = 0) -> str:
    return run_python(str(BENCHMARKS / name), *options, ends_with=ends_with)


def run_python(*words: str, ends_with: int = 0, beside: tuple[str, ...] = ()) -> str:
    folders = [str(CHECKOUT / folder) for folder in ("include", "tests/houses", *beside)]
    done = subprocess.run(
        [sys.executable, *words], env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)}, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == ends_with, done.stderr
    return done.stdout


def row(table: str, name: str) -> list[str]:
    """The values of one line of a printed table."""
    (line,) = [line for line in table.splitlines() if line.startswith(f"{name}  ")]
    return line.removeprefix(name).split()


def test_every_benchmark_finds_what_it_imports():
    """Most are run by the wide tests only: here a name that is gone is found."""
    paths = sorted(map(str, BENCHMARKS.glob("*.py")))
    assert len(paths) > 40
    run_python("-c", LOAD, *paths, beside=("benchmarks",))


@wide
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="each worker needs a CPU of its own: give the tests two")
def test_the_worker_benchmark_measures_one_and_two_workers_beside_the_loops():
    table = run_benchmark("worker.py", "--images", "24", "--rounds", "1", "--megapixels", "4", "--latency-ms", "0")
    cases = [times + case for times in ("", "2 x ") for case in ("bare loop", "decoding loop", "worker, 0 ms away")]
    rates = dict(re.findall(rf"^({'|'.join(cases)}) +(\d+\.\d\d) ", table, re.MULTILINE))
    assert list(rates) == cases
    assert min(map(float, rates.values())) > 0
    assert re.search(r"^worker, 0 ms away  .* \d+\.\d$", table, re.MULTILINE), "the start-up is shown"
    for ratio, aim in (
        ("worker, 0 ms away / bare loop", "0.92"),
        ("2 x worker, 0 ms away / 2 x bare loop, scaling", "0.97"),
    ):
        assert re.search(rf"^{ratio} +\d+\.\d{{3}} +\d+\.\d{{3}}  \(target {aim}\)$", table, re.MULTILINE)


@wide
def test_the_benchmark_of_families_sets_each_whole_path_beside_its_bare_session():
    table = run_benchmark("families.py", "--images", "1", "--rounds", "1", "--family", "rfdetr", "segment")
    for family in ("rfdetr", "segment"):
        bare, whole, share, boxes = map(float, row(table, family))
        assert (bare > 0, whole > 0, boxes > 0) == (True, True, True)
        assert share == round(whole / bare, 3) or abs(share - whole / bare) < 0.02


def test_the_benchmark_of_gpus_says_where_none_is_and_measures_a_cpu_when_told():
    told = run_benchmark(
        "gpu.py", "--provider", "cpu", "--seconds", "0.5", "--rounds", "1", "--photos", "2", "--most", "2"
    )
    measured = json.loads(told.splitlines()[-1])
    assert list(measured["bare"]) == ["1", "2"]
    assert list(measured["whole"]) == ["1", "auto"]
    assert min(measured["bare"].values()) > 0
    parity = measured["parity"]["batch"]
    assert (parity["images"], parity["boxes"] > 0, parity["unmatched"]) == (2, True, 0)
    assert parity["largest_px"] < 0.01
    assert parity["largest_score"] < 1e-4
    assert "whole, batch auto" in told
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        assert run_benchmark("gpu.py", ends_with=3).startswith("No GPU was measured: ONNX Runtime ")


@wide
def test_the_planning_benchmark_lists_every_key_and_finds_the_settled_ones():
    table = run_benchmark("planning.py", "--keys", "3000", "--rounds", "1")
    assert row(table, "bare listing")[0] == "3000"
    assert row(table, "plan, all new")[:2] == ["3000", "3000"]
    assert row(table, "plan, all settled")[:2] == ["3000", "0"]
    assert "targets: 1.25 x listing, 500 MB" in table


@wide
def test_the_parsing_benchmark_parses_every_file_of_both_kinds():
    table = run_benchmark("parsing.py", "--files", "2", "--rounds", "1")
    assert row(table, "local processes")[0] == row(table, "pods")[0] == "4"
    assert "target: 2 s beyond the imports of Airflow" in table


@wide
def test_the_storage_benchmark_counts_a_first_run_and_an_idle_night():
    table = run_benchmark("storage.py", "--keys", "2000")
    (first, idle), kept = ([float(size) for size in row(table, name)[:2]] for name in ("all", "kept for good"))
    assert first > idle > 0
    assert kept[0] > kept[1]
    assert [float(size) for size in row(table, "rows (ledger)")[:2]][1] == 0, "an idle night writes no row"
    first_months, idle_months = (float(size) for size in row(table, "months of listing and tables, exports")[:2])
    assert (first_months > 0, idle_months) == (True, 0), "and no month of the listing or of a table"


@wide
def test_the_benchmark_of_nights_writes_ledgers_together_and_opens_few():
    table = run_benchmark("nights.py", "--nights", "10", "--images", "20")
    opened, most = row(table, "1")[:2]
    assert (int(opened), int(most)) == (3, 10), "eight became one, and went a night or two later"
    assert json.loads(table.splitlines()[-1])["nights"] == 10


def test_the_listing_benchmark_lists_every_key_with_every_client():
    pytest.importorskip("obstore", reason="the listing is not measured: it takes obstore, of the dev group")
    table = run_benchmark("listing.py", "--keys", "3000", "--store", "pages, flat, 20")
    found = [line.split() for line in table.splitlines()[2:]]
    assert [line[-6] for line in found] == ["shoal", "obstore", "minio-py"]
    assert all(float(line[-1]) >= 1000 for line in found)


@wide
def test_the_benchmark_of_exports_tells_each_in_a_line():
    told = [json.loads(line) for line in run_benchmark("exports.py", "--keys", "2000").splitlines()]
    assert [one["export"] for one in told] == sorted({**BY_MONTH, **PACKAGES})
    assert {one["images"] for one in told if one["export"] != "yolo"} == {2000}
    assert all(one["rss_mb"] > 50 and one["images_per_s"] > 0 and one["written_mb"] > 0 for one in told)


@wide
def test_the_benchmark_of_pages_asks_for_each_of_them_cold_warm_and_later():
    told = run_benchmark("pages.py", "--datasets", "3", "--shards", "20", "--runs", "60").splitlines()[-1]
    pages = json.loads(told)["pages"]
    assert len(pages) == 6
    assert all(min(one["cold_s"], one["warm_s"], one["later_s"], one["kb"]) > 0 for one in pages.values()), pages


@wide
def test_the_manifest_benchmark_reads_a_shard_of_every_kind_of_manifest():
    table = run_benchmark("worker_manifest.py", "--keys", "20000", "--shards", "20")
    whole, own = (float(row(table, name)[0]) for name in ("whole, row groups of earlier releases", "own"))
    assert own < whole / 2


@wide
def test_the_benchmark_of_serve_tells_what_became_of_every_image():
    measured = json.loads(run_benchmark("serve.py", "--seconds", "6", "--photos", "2"))
    assert sum(measured["by_code"].values()) == measured["sent"]
    assert set(measured["by_code"]) <= {"200", "422", "429"}
    assert measured["rss_mb_after"].keys() == {"server", "model"}


def test_the_benchmark_of_estimates_counts_how_often_intervals_hold():
    table = run_benchmark("estimates.py", "--seeds", "3")
    assert re.search(r"^common +perfect +100 100\.0 ", table, re.MULTILINE), (
        "a perfect model's count is in its interval"
    )
    assert re.search(r"^rare +good +0 +- +- +-", table, re.MULTILINE), "a total of a rare taxon is not estimable"
    given, share = re.search(r"^these images: ([\d,]+) intervals, ([\d.]+) of 100", table, re.MULTILINE).groups()
    assert int(given.replace(",", "")) > 300
    assert float(share) > 93


def test_the_benchmark_of_repeats_flags_things_and_no_animals():
    table = run_benchmark("repeats.py", "--seeds", "1", "--days", "12")
    assert float(row(table, "boxes of things flagged")[0].rstrip("%")) >= 90
    assert float(row(table, "boxes of animals flagged")[0].rstrip("%")) <= 1


@wide
def test_the_benchmark_of_far_images_tells_a_rate_of_each_store_and_leaves_no_image_out():
    table = run_benchmark("far_images.py", "--images", "200", "--stores", "100", "100:25")
    rates = re.findall(r"^100 ms away(?:, 25 reads a second)? +(?:four|by itself) +(\d+\.\d) ", table, re.MULTILINE)
    assert len(rates) == 4
    assert min(map(float, rates)) > 0
    assert "no row" not in table


@wide
def test_the_benchmark_of_health_finds_what_was_planted():
    table = run_benchmark("health.py", "--seeds", "1", "--first-seed", "2001")
    assert row(table, "all")[:2] == ["6", "100.0%"]
    assert float(row(table, "all")[2]) <= 1
