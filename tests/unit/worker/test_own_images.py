"""A worker reads of a manifest what its shard needs, and finds in it what the whole manifest has."""

import re
from dataclasses import replace

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.contract.errors import ContractError, StoreError
from shoal.contract.json_bounds import MIB
from shoal.contract.rows import MANIFEST_COLUMNS, ddl
from shoal.stores.folder import FolderStore
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess
from shoal_worker import own_images
from shoal_worker.own_images import download_own
from shoal_worker.rows.parts import read_manifest
from worker.http_faults import faulty_store, whole

KEY, ROWS, SHARDS = "runs/r/manifest.parquet", 12_000, 24
IN_ORDER, MIXED = f"i * {SHARDS} // {ROWS}", f"i * 7919 % {SHARDS}"


def lay(folder, shard, options="ROW_GROUP_SIZE 2048", rows=ROWS):
    path = folder / KEY
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as con:
        con.execute(f"CREATE TABLE manifest ({ddl(MANIFEST_COLUMNS)})")
        con.execute(
            "INSERT INTO manifest SELECT format('café/{:06}.jpg', i), md5(i::VARCHAR), i, now(), NULL, "
            f"{shard} FROM range({rows}) t(i)"
        )
        con.execute(f"COPY (FROM manifest ORDER BY key) TO '{path}' (FORMAT parquet, COMPRESSION zstd, {options})")
    return path


@pytest.fixture(scope="module", params=[IN_ORDER, MIXED], ids=["in order", "all over the file, as nobody plans it"])
def laid(request, tmp_path_factory):
    return lay(tmp_path_factory.mktemp("results"), request.param)


class Counting(FolderStore):
    """Counts what it gives, and lets a test change it."""

    def __init__(self, folder, change=lambda _number, piece: piece):
        super().__init__(folder)
        self.sizes, self._change = [], change

    def find_piece(self, key, first, size_bytes):
        piece = super().find_piece(key, first, size_bytes)
        self.sizes.append(len(piece.data))
        return self._change(len(self.sizes), piece)


@settings(max_examples=8)
@given(
    shard=st.integers(0, SHARDS),
    tail=st.sampled_from([8, 64, 4000, 128 * 1024, 4 * MIB]),
    piece=st.sampled_from([999, 8 * MIB]),
)
def test_a_shard_finds_what_the_whole_manifest_has_of_it(laid, tmp_path_factory, shard, tail, piece):
    path, planned = tmp_path_factory.mktemp("worker") / "manifest.parquet", ROWS // SHARDS if shard < SHARDS else 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(own_images, "TAIL_BYTES", tail)
        patch.setattr(own_images, "PIECE_BYTES", piece)
        download_own(FolderStore(laid.parents[2]), KEY, path, shard, MIB * 16)
    assert read_manifest(path, shard, planned) == read_manifest(laid, shard, planned)


def test_a_shard_reads_the_footer_and_its_own_row_groups_and_no_more(tmp_path, monkeypatch):
    size_bytes = lay(tmp_path, IN_ORDER, rows=40_000).stat().st_size
    monkeypatch.setattr(own_images, "TAIL_BYTES", 32 * 1024)
    store = Counting(tmp_path)
    download_own(store, KEY, tmp_path / "own.parquet", 12, MIB)
    assert len(store.sizes) == 2
    assert sum(store.sizes) < size_bytes / 4
    assert (tmp_path / "own.parquet").stat().st_blocks * 512 < size_bytes / 3, "and takes no more of the disk"


def written_over(number, piece):
    return replace(piece, span=replace(piece.span, version="another")) if number > 1 else piece


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        pytest.param(
            written_over, ContractError, f"Manifest '{KEY}' was written over while it was read - plan the run again"
        ),
        pytest.param(
            lambda number, piece: None if number > 1 else piece,
            StoreError,
            "None gave a part of .* first, and none then",
        ),
    ],
    ids=["written over", "a store that changes its mind"],
)
def test_pieces_of_two_manifests_are_not_put_together(change, error, said, tmp_path, monkeypatch):
    lay(tmp_path, IN_ORDER)
    monkeypatch.setattr(own_images, "TAIL_BYTES", 4000)
    with pytest.raises(error, match=f"^{said}"):
        download_own(Counting(tmp_path, change), KEY, tmp_path / "own.parquet", 12, MIB)


def test_a_manifest_that_is_too_large_is_refused_before_it_is_read(tmp_path):
    lay(tmp_path, IN_ORDER)
    store = Counting(tmp_path)
    with pytest.raises(
        ContractError, match=r"is not read: it has .* KiB, .*for as many images as plan.json names - plan the run again"
    ):
        download_own(store, KEY, tmp_path / "own.parquet", 12, 1000)
    assert len(store.sizes) == 1


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not parquet", id="no Parquet"),
        pytest.param(b"\xff\xff\xff\x7fPAR1", id="a footer longer than the file"),
        pytest.param(b"\0\0\0\0PAR1", id="a footer without a byte"),
        pytest.param(b"x" * 500 + (500).to_bytes(4, "little") + b"PAR1", id="a footer of nonsense"),
    ],
)
@pytest.mark.parametrize("tail", [8, 128 * 1024])
def test_what_is_no_manifest_is_refused_in_one_line(end, tail, tmp_path, monkeypatch):
    monkeypatch.setattr(own_images, "TAIL_BYTES", tail)
    (tmp_path / "runs/r").mkdir(parents=True)
    (tmp_path / KEY).write_bytes(b"PAR1" * bool(end) * 100 + end)
    download_own(FolderStore(tmp_path), KEY, tmp_path / "own.parquet", 0, MIB)
    with pytest.raises(ContractError, match=r"^Manifest cannot be read: .* - plan the run again$"):
        read_manifest(tmp_path / "own.parquet", 0, 1)


def test_a_manifest_that_says_less_than_it_has_is_no_shorter_shard(tmp_path, monkeypatch):
    """Row groups that the footer gives to other shards hold images of this one: they are missed, and the plan tells how many."""
    path = lay(tmp_path, IN_ORDER)
    with pytest.raises(
        ContractError, match=re.escape("has 500 images of shard 12, plan.json gives it 501 - plan the run again")
    ):
        read_manifest(path, 12, 501)
    assert len(read_manifest(path, 12, 501, some=True)) == 500, "of an earlier attempt's rest nobody knows"


def test_a_store_that_gives_whole_objects_only_is_read_whole(tmp_path):
    path = lay(tmp_path, IN_ORDER, rows=4000)
    with faulty_store(whole(path.read_bytes(), "etag")) as (endpoint_url, requests):
        store = S3Store(StoreAccess(endpoint_url, "accesskey123", "secretkey123456"), "results")
        download_own(store, KEY, tmp_path / "own.parquet", 3, MIB)
    assert (tmp_path / "own.parquet").read_bytes() == path.read_bytes()
    assert len(requests) == 2


def test_another_piece_than_was_asked_for_is_an_error_of_the_store():
    def other(handler, _number):
        handler.send_response(206)
        handler.send_header("Content-Range", "bytes 10-14/100")
        handler.send_header("Content-Length", "5")
        handler.end_headers()
        handler.wfile.write(b"01234")

    with faulty_store(other) as (endpoint_url, _):
        store = S3Store(StoreAccess(endpoint_url, "accesskey123", "secretkey123456"), "results")
        assert store.find_piece("x", 10, 5).data == b"01234"
        said = r"^http.* gave 0 bytes as 'bytes 10-14/100' of object 'x' of bucket 'results' for 'bytes=11-15' - see the store's log$"
        with pytest.raises(StoreError, match=said):
            store.find_piece("x", 11, 5)
