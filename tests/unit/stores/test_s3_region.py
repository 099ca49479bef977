"""A real store with a region of its own: found where nobody wrote it down, named where another one was written."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from cluster.binaries import MINIO, are_built
from cluster.object_store import add_reader, start_object_store
from cluster.processes import Processes
from four_readers import READERS, ROWS, TEXT, in_namespace, may_mount, sidecar
from shoal.contract.errors import ConfigError, StoreError
from shoal.contract.layout import DatasetLayout
from shoal.settings.dataset_stores import Stores
from shoal.stores import s3_patience, s3_region
from shoal.stores.access import Connection
from shoal.stores.kinds import access_from_connection
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess
from shoal.stores.s3_rclone import other_region_said
from shoal.tables.session import open_database
from worker.http_faults import faulty_store, status, whole

PARIS = "eu-west-3"
NOWHERE = StoreAccess("http://127.0.0.1:9", "accesskey123", "secretkey123456", region="")


@dataclass(frozen=True)
class Paris:
    """A MinIO of that region, whose reader has no right to ask where a bucket is."""

    reader: StoreAccess

    def connection(self, **extra: str) -> StoreAccess:
        """Read what a person wrote."""
        login, password = self.reader.access_key, self.reader.secret_key
        where = {"endpoint_url": self.reader.endpoint_url}
        return access_from_connection(Connection("reef", "", None, login, password, {**where, **extra}))


@pytest.fixture(scope="module")
def paris(tmp_path_factory) -> Iterator[Paris]:
    if not are_built(MINIO) and os.environ.get("CI") != "true":  # in CI it is built on the way
        pytest.skip("MinIO is not built, regions are not tested: make cluster")
    folder = tmp_path_factory.mktemp("paris")
    processes = Processes(folder / "run")
    try:
        started = start_object_store(processes, folder / "data", "127.0.0.1", environment={"MINIO_REGION": PARIS})
        admin = replace(started, region=PARIS)
        admin.connect().make_bucket("fish")
        store = S3Store(admin, "fish")
        store.write_bytes(TEXT, b"fish")
        with open_database(store) as database:
            database.store_parquet("SELECT range AS n FROM range(3)", ROWS)
        yield Paris(add_reader(admin, ("s3:ListBucket", "s3:GetObject")))
    finally:
        processes.stop("minio")


@pytest.mark.parametrize("reader", READERS)
def test_a_region_that_nobody_wrote_down_is_found_by_all_four(reader, paris, tmp_path):
    if reader == "rclone" and not may_mount():
        pytest.skip("no right to mount here, the sidecar is not tested")
    assert READERS[reader](paris.connection(), "fish", tmp_path) == "fish"


@pytest.mark.parametrize("reader", ["client", "worker"])
def test_a_wrong_region_is_named_with_the_right_one(reader, paris, tmp_path):
    with pytest.raises(
        ConfigError, match=r"in region 'eu-west-1' \(Auth.*\): it is in region 'eu-west-3' - set region_name"
    ):
        READERS[reader](paris.connection(region_name="eu-west-1"), "fish", tmp_path)


def test_duckdb_follows_a_store_out_of_a_wrong_region(paris, tmp_path):
    assert READERS["DuckDB"](paris.connection(region_name="eu-west-1"), "fish", tmp_path) == "fish"


def test_the_sidecar_s_last_word_names_the_right_region(paris, tmp_path):
    if not may_mount():
        pytest.skip("no right to mount here, the sidecar is not tested")
    script, _, environment = sidecar(paris.connection(region_name="eu-west-1"), "fish", tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(AssertionError):  # it ends by itself
        in_namespace(script.replace("+ 20)", "+ 0)"), tmp_path, environment)
    assert other_region_said((tmp_path / "last-words").read_text()) == PARIS


def test_no_region_is_guessed_from_a_store_in_trouble(monkeypatch):
    """It would stay for as long as the bucket is open, and be told as somebody's mistake."""
    monkeypatch.setattr(s3_patience.Patience, "_sleep_backoff", lambda _: None)
    with faulty_store(status(500, "InternalError")) as (url, _):
        store = S3Store(replace(NOWHERE, endpoint_url=url), "fish")
        with pytest.raises(StoreError, match=r"bucket 'fish' at .* failed: InternalError - see the store's log"):
            store.find_bytes("a.jpg")
    assert "located" not in vars(store)


def test_a_bucket_is_asked_once_and_one_whose_region_is_written_never():
    with faulty_store(whole(b"fish")) as (url, requests):
        for region, asked in (("", 3), ("here", 2)):
            store, before = S3Store(replace(NOWHERE, endpoint_url=url, region=region), "fish"), len(requests)
            assert store.find_bytes("a") == store.find_bytes("b") == b"fish"
            assert len(requests) - before == asked


@pytest.mark.parametrize(
    ("answer", "region"),
    [
        pytest.param(status(403, "AccessDenied"), "us-east-1", id="a login that may not list"),
        pytest.param(status(404, "NoSuchBucket"), "us-east-1", id="a bucket that is not there"),
        pytest.param(status(200, ""), "us-east-1", id="a store without regions"),
    ],
)
def test_what_names_no_region_is_asked_on_as_it_was(answer, region):
    with faulty_store(answer) as (url, _):
        assert S3Store(replace(NOWHERE, endpoint_url=url), "fish").located.region == region


def test_a_pod_is_told_the_regions_that_were_found(paris):
    """Its sidecar cannot ask."""
    store = S3Store(paris.connection(), "fish")
    stores = Stores(store, store, store, DatasetLayout("", "reef"))
    assert [access.region for access in stores.accesses().values()] == [""] * 3
    assert [access.region for access in stores.located_accesses().values()] == [PARIS] * 3


def test_of_amazon_the_host_moves_too():
    """Its host without a region points to that of the bucket's."""
    moved = s3_region._moved(replace(NOWHERE, endpoint_url="https://s3.amazonaws.com"), "eu-west-3")
    assert moved.endpoint_url == "https://s3.eu-west-3.amazonaws.com"
