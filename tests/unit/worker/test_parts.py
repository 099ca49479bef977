import os
import re
import subprocess
import sys

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.contract.errors import ConfigError, ContractError, StoreError
from shoal.contract.rows import MANIFEST_COLUMNS, ROW_COLUMNS, Reason, Status, ddl
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess
from shoal_worker.rows.parts import ListedImage, PartWriter, Stamp, new_row, read_manifest, write_parquet
from shoal_worker.tasks.detect import Detections
from worker.http_faults import faulty_store, first, status, whole

STAMP = Stamp("1.2.3", "20260101T000000Z-testtest", "attempt1")
KEYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


def row(key="a.jpg", status=Status.PROCESSED, **columns):
    return new_row(ListedImage(key, "object_version", 7), STAMP, status, **columns)


def read(path):
    with duckdb.connect() as con:
        return con.execute("FROM read_parquet(?)", [str(path)]).fetchall()


def test_a_part_has_exactly_the_columns_and_types_of_the_contract(tmp_path):
    write_parquet([row()], tmp_path / "part.parquet")
    with duckdb.connect() as con:
        found = con.execute("DESCRIBE FROM read_parquet(?)", [str(tmp_path / "part.parquet")]).fetchall()
    assert {name: kind for name, kind, *_ in found} == ROW_COLUMNS
    assert [name for name, *_ in found] == list(ROW_COLUMNS)


def test_rows_are_sorted_by_key_and_compressed_with_zstd(tmp_path):
    path = tmp_path / "it's a part.parquet"
    write_parquet([row("b"), row("a"), row("c")], path)
    assert [found[0] for found in read(path)] == ["a", "b", "c"]
    with duckdb.connect() as con:
        codecs = con.execute("SELECT DISTINCT compression FROM parquet_metadata(?)", [str(path)]).fetchall()
    assert codecs == [("ZSTD",)]


def test_no_detections_are_not_unknown_detections(tmp_path):
    rows = [row("a", detections=[]), row("b", Status.FAILED, reason=Reason.EMPTY)]
    write_parquet(rows, tmp_path / "part.parquet")
    position = list(ROW_COLUMNS).index("detections")
    assert [found[position] for found in read(tmp_path / "part.parquet")] == [[], None]


@given(
    keys=st.lists(KEYS, min_size=1, max_size=5, unique=True),
    values=st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=4, max_size=4),
)
def test_what_is_written_is_what_is_read(tmp_path_factory, keys, values):
    path = tmp_path_factory.mktemp("parts") / "part.parquet"
    boxes = Detections(
        np.array([3], np.int32), np.array([0.1], np.float32), np.array([values], np.float32), max_det_reached=False
    )
    write_parquet([row(key, **boxes.to_columns(), luma_mean=values[0]) for key in keys], path)
    found = read(path)
    assert sorted(line[0] for line in found) == sorted(keys)
    x1, y1, x2, y2 = values
    confidence = float(np.float32(0.1))
    structs = [{"class_id": 3, "confidence": confidence, "x1": x1, "y1": y1, "x2": x2, "y2": y2}]
    for line in found:
        stored = dict(zip(ROW_COLUMNS, line, strict=True))
        assert stored["detections"] == structs
        assert stored["luma_mean"] == values[0]


def test_what_tasks_find_is_stored_in_their_columns(tmp_path):
    found = {
        "masks": ["04", None],
        "keypoints": [[1.0, 2.0, 0.5], [3.0, 4.0, None]],
        "angles": [0.25, 1.5],
        "class_scores": [0.75, None],
    }
    path = tmp_path / "part.parquet"
    write_parquet([row(**found)], path)
    (line,) = read(path)
    stored = dict(zip(ROW_COLUMNS, line, strict=True))
    assert {name: stored[name] for name in found} == found


def test_the_longest_rows_are_stored(tmp_path):
    path = tmp_path / "part.parquet"
    mask = "\\" * (32 << 20)  # doubled in JSON
    points = [[float(np.float32(0.1))] * 750] * 1000
    write_parquet([row(masks=[mask], keypoints=points)], path)
    (line,) = read(path)
    stored = dict(zip(ROW_COLUMNS, line, strict=True))
    assert stored["masks"] == [mask]
    assert len(stored["keypoints"]) == 1000


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        pytest.param({"masks": ["0" * (4 << 20)]}, 8, id="masks"),
        pytest.param({"keypoints": [[0.5] * 51] * 300}, 69, id="key points"),
        pytest.param({"class_scores": [0.5] * 1000}, 1049, id="scores"),
    ],
)
def test_rows_that_hold_much_are_written_before_their_time(columns, rows):
    parts = PartWriter(_Refusing(), "{}.parquet".format)
    for number in range(rows):
        assert not parts.is_full, number
        parts.add(row(str(number), **columns))
    assert parts.is_full
    with pytest.raises(StoreError):
        parts.write()
    assert (parts.is_full, parts.unwritten) == (False, rows)  # tried: the next time is the usual one


def test_rows_that_waited_for_a_store_go_into_parts_of_bounded_size():
    store = _Counting()
    parts = PartWriter(store, "{}.parquet".format)
    for number in range(5):
        parts.add(row(str(number), masks=["0" * (16 << 20)]))
    parts.write()
    assert store.images == [["0", "1"], ["2", "3"], ["4"]]
    assert parts.unwritten == 0


class _Counting:
    """A store that remembers whose rows it was given."""

    def __init__(self):
        self.images = []

    def upload(self, path, key):
        assert key == f"{len(self.images)}.parquet"
        self.images.append([found[0] for found in read(path)])


class _Refusing:
    """A store that is down; nothing is written to a disk before it says so."""

    def upload(self, path, key):
        raise StoreError("down")


def write_manifest(path, rows):
    with duckdb.connect() as con:
        con.execute(f"CREATE TABLE manifest ({ddl(MANIFEST_COLUMNS)})")
        con.executemany("INSERT INTO manifest VALUES (?, ?, ?, now(), NULL, ?)", rows)
        con.execute(f"COPY manifest TO '{path}' (FORMAT parquet)")


def test_a_shard_reads_its_own_images_in_key_order(tmp_path):
    path = tmp_path / "manifest.parquet"
    write_manifest(path, [["b", "e2", 2, 7], ["x", "e3", 3, 8], ["a", "e1", 2**40, 7]])
    assert read_manifest(path, 7, 2) == [ListedImage("a", "e1", 2**40), ListedImage("b", "e2", 2)]
    assert read_manifest(path, 9, 0) == []


@pytest.mark.parametrize(
    ("rows", "images", "said"),
    [
        pytest.param([["a", "e", 1, 7]] * 3, 2, "has 3 images of shard 7, plan.json gives it 2", id="too many"),
        pytest.param([["a" * 5000, "e", 1, 7]], 1, "has 5001 bytes of keys and versions for 1 image", id="a long key"),
    ],
)
def test_a_manifest_that_is_not_this_plans_is_refused(rows, images, said, tmp_path):
    path = tmp_path / "manifest.parquet"
    write_manifest(path, rows)
    with pytest.raises(ContractError, match=f"^The manifest {re.escape(said)}.* - plan the run again$"):
        read_manifest(path, 7, images)


def test_a_file_that_is_no_manifest_is_refused(tmp_path):
    (tmp_path / "manifest.parquet").write_bytes(b"not parquet")
    with pytest.raises(ContractError, match=r"Manifest cannot be read: .* - plan the run again"):
        read_manifest(tmp_path / "manifest.parquet", 0, 1)


def writer(endpoint_url):
    access = StoreAccess(endpoint_url, "accesskey123", "secretkey123456")
    return PartWriter(S3Store(access, "results"), lambda sequence: f"parts/{sequence}.parquet")


def test_a_part_is_one_request_and_nothing_is_written_without_rows():
    with faulty_store(whole(b"", "object_version")) as (endpoint_url, requests):
        parts = writer(endpoint_url)
        parts.write()
        assert requests == []
        parts.add(row("a"))
        parts.write()
        parts.write()
        assert requests == ["PUT /results/parts/0.parquet"]
        assert parts.unwritten == 0


def test_rows_of_a_part_that_was_not_taken_go_into_the_next_one():
    five_times = first(5, status(503), whole(b"", "object_version"))  # the client itself tries five times
    with faulty_store(five_times) as (endpoint_url, requests):
        parts = writer(endpoint_url)
        parts.add(row("a"))
        with pytest.raises(StoreError, match="503"):
            parts.write()
        assert parts.unwritten == 1
        parts.write()
        assert parts.unwritten == 0
        assert requests[-1] == "PUT /results/parts/1.parquet"  # the first one may have been taken all the same


def test_a_results_bucket_that_refuses_is_a_configuration_error():
    with faulty_store(status(403, "AccessDenied")) as (endpoint_url, _):
        parts = writer(endpoint_url)
        parts.add(row("a"))
        with pytest.raises(ConfigError, match=r"Access to bucket 'results' .* denied"):
            parts.write()


def test_a_worker_s_files_are_written_and_read_without_pandas(tmp_path):
    """DuckDB imports it where it is given a parameter, half a second of every worker where it is installed."""
    program = (
        "import sys; from pathlib import Path; from shoal_worker.rows import parts; from shoal_worker import own_images\n"
        f'path = Path({str(tmp_path)!r}, "it\'s.parquet")\n'
        "parts.write_parquet([], path)\n"
        "try:\n    parts.read_manifest(path, 0, 1)\nexcept parts.ContractError as no_manifest:\n    print(no_manifest)\n"
        "assert own_images._find_ranges(path, 0, path.stat().st_size) is not None\n"
        "print('pandas' in sys.modules, 'pyarrow' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split()[-2:] == ["False", "False"], done.stdout
