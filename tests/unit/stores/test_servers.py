"""Real S3 servers, each asked what Shoal asks of a store, by all who ask: the client, a worker's environment, DuckDB."""

import os

import pytest

from cluster.binaries import VERSITYGW, are_built
from cluster.object_store import start_versitygw
from cluster.processes import Processes
from shoal.contract.errors import AccessDeniedError, ConfigError, ContractError
from shoal.stores.access import Connection
from shoal.stores.kinds import access_from_connection
from shoal.stores.pieces import Piece, Span
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess
from shoal.tables.session import open_database


@pytest.fixture(scope="session")
def versitygw(tmp_path_factory):
    """A running versitygw without buckets."""
    if not are_built(VERSITYGW) and os.environ.get("CI") != "true":
        pytest.skip("versitygw is not built, what only it does is not tested: make cluster")
    folder = tmp_path_factory.mktemp("versitygw")
    processes = Processes(folder / "run")
    try:
        yield start_versitygw(processes, folder / "data", "127.0.0.1")
    finally:
        processes.stop("versitygw")


@pytest.fixture(params=["minio", "store", "versitygw"], ids=["MinIO", "rclone", "versitygw"])
def server(request):
    return request.getfixturevalue(request.param)


def count_rows(store: S3Store, key: str) -> int:
    with open_database(store) as database:
        return database.value("SELECT count(*) FROM read_parquet(?)", [store.uri(key)])


def lay_parquet(store: S3Store, key: str) -> None:
    with open_database(store) as database:
        assert database.store_parquet("SELECT range AS n FROM range(3)", key).rows == 3


def test_a_server_keeps_what_shoal_needs(server):
    server.connect().make_bucket("contract")
    store = S3Store(server, "contract")
    keys = ["a b/fish #1%.jpg", "a b/魚 +&=.jpg", "z.jpg"]
    for key in reversed(keys):
        store.write_bytes(key, key.encode())
    listed = list(store.list_objects())
    assert [found.key for found in listed] == sorted(keys)
    for found in listed:
        assert store.read(found.key, found.object_version, found.size_bytes).data == found.key.encode()
    assert store.list_folders("") == ["a b"]
    need_pieces(store, listed[1].key, listed[1].object_version)
    assert store.has("z.jpg")
    store.delete(["z.jpg", "no-such"])
    assert not store.has("z.jpg")
    assert store.find_bytes("z.jpg") is None
    lay_parquet(store, "rows.parquet")
    assert count_rows(store, "rows.parquet") == 3
    with pytest.raises(ConfigError, match="No bucket 'no-such-bucket' at"):
        S3Store(server, "no-such-bucket").list_keys("")


def need_pieces(store: S3Store, key: str, version: str) -> None:
    whole = key.encode()
    for first, size, end in ((0, 5, 5), (2, 4, 6), (None, 5, len(whole)), (4, 100, len(whole))):
        piece = store.find_piece(key, first, size)
        begin = end - size if first is None else first
        assert (piece.data, piece.span) == (whole[begin:end], Span(begin, end, len(whole), version))
    assert store.find_piece(key, None, 100) in (None, Piece(Span(0, len(whole), len(whole), version), whole))
    with pytest.raises(ContractError, match="No object 'no-such'"):
        store.find_piece("no-such", None, 5)


def connected(**changes) -> StoreAccess:
    parts = {"host": "", "port": None, "login": "", "password": "", "extra": {}}
    return access_from_connection(Connection("reef_s3", **{**parts, **changes}))


def test_a_bucket_that_is_not_public_says_that_a_login_is_needed(minio):
    minio.connect().make_bucket("private")
    access = connected(extra={"endpoint_url": minio.endpoint_url, "anonymous": True})
    with pytest.raises(AccessDeniedError, match="not open to everyone: give the connection a login and password"):
        S3Store(access, "private").list_keys("")
