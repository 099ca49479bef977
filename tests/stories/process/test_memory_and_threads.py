"""What is stored does not depend on the memory and threads it was computed with; a bucket of any size is one of these.

Small ones here: a few rows never spill, and one thread takes them all. `make test-wide` (SHOAL_SEEDS) takes enough of both.
"""

import hashlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from seeds import CHOSEN
from shoal.embedded.processes.rclone import embedded_store
from shoal.engines.local.machine import find_room
from shoal.plan.make_plan import make_plan
from shoal.plan.request import PlanRequest
from shoal.settings.dataset_stores import open_stores
from shoal.settings.run_form import RunParams
from shoal.summary import summarize
from shoal.summary import tables as summary_tables
from shoal.tables import pieces
from shoal.tables.limits import Limits
from shoal.tables.session import Database

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from plan_once import NODES, REQUEST  # noqa: E402 - benchmarks are no package
from scale import compare, fill_store, make_truth, write_rows  # noqa: E402
from scale_once import scale_dataset  # noqa: E402
from scale_server import serve_entries  # noqa: E402

KEYS = 260_000 if CHOSEN in os.environ else 3_000
RUN_KEY = "20260101T000000Z-abcdefgh"
OF_THE_RUN = {"listed_at", "summarized_at", "memory", "threads", "inputs_sha256", "lines"}
MIB = 1024**2


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    folder = tmp_path_factory.mktemp("truth")
    return make_truth(folder, KEYS, 3), folder / "entries"


def stored_with(root, truth, entries, memory, threads):
    """Plan and summarize; return what the results bucket holds then, and the summary."""
    fill_store(root)
    with embedded_store(root, root / "store.log") as store, serve_entries(entries) as source:
        dataset = scale_dataset(memory, threads)
        stores = open_stores(dataset, {"source": source, "models": store, "results": store}.__getitem__)
        request = PlanRequest(dataset, RunParams(), dag_id="reanalyse_scale", run_key=RUN_KEY)
        plan = make_plan(request, stores, lambda: find_room(dataset.cluster, NODES, REQUEST))
        layout = stores.layout.variant(plan.variant.directory)
        write_rows(truth, layout, RUN_KEY, stores.results, KEYS // 3)
        done = summarize.summarize_run(stores, layout, RUN_KEY)
        bucket = root / "results"
        return {
            str(path.relative_to(bucket)): comparable(path) for path in bucket.rglob("*") if path.is_file()
        }, done.summary


def comparable(path: Path) -> Any:
    """Leave out of JSON and pages when they were made; of all else compare each byte."""
    if path.suffix == ".json":
        return without_the_run(json.loads(path.read_text()))
    if path.suffix == ".html":
        return re.sub(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", "", path.read_text())
    return hashlib.sha256(path.read_bytes()).hexdigest()


def without_the_run(stored: Any) -> Any:
    if isinstance(stored, dict):
        return {
            name: without_the_run(value) for name, value in stored.items() if name not in OF_THE_RUN | {"report.html"}
        }
    return [without_the_run(value) for value in stored] if isinstance(stored, list) else stored


def test_little_memory_and_one_thread_store_the_bytes_that_much_memory_and_two_threads_store(
    truth, tmp_path, monkeypatch
):
    monkeypatch.setattr(summarize, "mint_attempt", lambda: "attempt1")
    tables, entries = truth
    with monkeypatch.context() as many_pieces:
        many_pieces.setattr(pieces, "IMAGE_BYTES", 1024**2)
        many_pieces.setattr(pieces, "LEAST_IMAGES", 100)
        many_pieces.setattr(summary_tables, "COUNTED_BYTES", 256 * 1024)
        little, summary = stored_with(tmp_path / "little", tables, entries, "512MiB", 1)
    much, again = stored_with(tmp_path / "much", tables, entries, "4GiB", 2)
    assert {name for name in little | much if little.get(name) != much.get(name)} == set()
    assert summary["result_sha256"] == again["result_sha256"]
    balance = summary["run"]["balance"]
    compare(tables, [{"summarize": {"result": summary["result"], "balance": balance}}])  # every number is the oracle's
    assert sum(name.endswith(".parquet") for name in little) >= 3, "listing, manifest and ledger at least"


def test_the_settings_of_memory_and_threads_are_frozen_and_change_no_identity():
    plain, set_ = scale_dataset(), scale_dataset("2GiB", 3)
    assert set_.model_dump(mode="json")["run"] == {
        **plain.model_dump(mode="json")["run"],
        "memory": "2GiB",
        "threads": 3,
    }
    assert not {"memory", "threads"} & set(plain.model_dump(mode="json")["run"])


@pytest.mark.parametrize(("memory_mib", "threads"), [(96, 1), (2048, 1), (96, 2), (2048, 5)])
def test_a_sorted_query_of_more_rows_than_a_row_group_is_the_same_file(tmp_path, memory_mib, threads):
    database = Database(None, tmp_path, Limits(memory_mib * MIB, threads))
    database.run(
        "CREATE TABLE rows AS SELECT md5((i * 7919 % 250007)::VARCHAR) AS key, i, if(i % 3 = 0, NULL, i % 11) AS many, "
        "list_transform(range(i % 5), lambda x: {'a': x, 'b': 0.5}) AS boxes FROM range(250007) AS numbers(i)"
    )
    path = tmp_path / "file.parquet"
    database.copy(
        "SELECT * FROM rows WHERE hash(i) % 7 > 0 ORDER BY key",
        path,
        "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 100000",
    )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert DIGESTS.setdefault("sorted", digest) == digest


DIGESTS: dict[str, str] = {}
