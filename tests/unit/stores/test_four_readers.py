"""Every kind of login, tried by all four who read a bucket, on a MinIO with TLS of a private authority and host names."""

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import urllib3
from minio.credentials import AssumeRoleProvider, Credentials

from cluster.binaries import MINIO, are_built
from cluster.certificates import Authority
from cluster.object_store import add_reader, add_writer, start_object_store
from cluster.processes import Processes
from cluster.token_issuer import AUDIENCE, TokenIssuer, token_issuer
from four_readers import READERS, ROWS, TEXT, may_mount, read_by_sidecar, read_under_host_names
from pipeline import Pipeline, make_pipeline
from shoal.contract.errors import AccessDeniedError
from shoal.contract.run_rights import Rights
from shoal.settings.dataset_stores import open_stores
from shoal.stores.access import Connection
from shoal.stores.kinds import access_from_connection, limit_access
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess
from shoal.tables import session
from shoal.tables.session import open_database
from worker.ending_keys import EndingKeys
from worker.http_faults import faulty_store, whole

ROLE = "arn:aws:iam::123456789012:role/reads-fish"


@dataclass(frozen=True)
class Site:
    """A running store with the buckets `fish` and `public`, and who may read them."""

    admin: StoreAccess
    reader: StoreAccess
    issuer: TokenIssuer
    web_role: str
    folder: Path
    metadata_url: str = ""

    def connection(self, extra: dict[str, Any], *, keyless: bool = False) -> StoreAccess:
        """Read a connection that a person wrote."""
        login, password = ("", "") if keyless else (self.reader.access_key, self.reader.secret_key)
        where = {"endpoint_url": self.admin.endpoint_url, "ca_file": self.admin.ca_file}
        return access_from_connection(Connection("reef", "", None, login, password, {**where, **extra}))

    def temporary(self):
        return AssumeRoleProvider(
            sts_endpoint=self.admin.endpoint_url,
            access_key=self.reader.access_key,
            secret_key=self.reader.secret_key,
            http_client=urllib3.PoolManager(ca_certs=self.admin.ca_file),
        ).retrieve()


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    if not are_built(MINIO) and os.environ.get("CI") != "true":  # in CI it is built on the way
        pytest.skip("MinIO is not built, logins are not tested: make cluster")
    folder = tmp_path_factory.mktemp("private-store")
    authority = Authority(folder / "certificates")
    authority.issue("store", user="store", hosts=["127.0.0.1", "store.test", "*.store.test"])
    (authority.folder / "store.crt").rename(authority.folder / "public.crt")
    (authority.folder / "store.key").rename(authority.folder / "private.key")
    processes = Processes(folder / "run")
    with token_issuer() as issuer:
        settings = {
            "MINIO_DOMAIN": "store.test",
            "MINIO_IDENTITY_OPENID_CONFIG_URL": f"{issuer.url}/.well-known/openid-configuration",
            "MINIO_IDENTITY_OPENID_CLIENT_ID": AUDIENCE,
            "MINIO_IDENTITY_OPENID_ROLE_POLICY": "readwrite",
        }
        try:
            admin = start_object_store(processes, folder / "data", "127.0.0.1", authority.folder, settings)
            fill(admin)
            told = re.search(r"arn:minio:iam:::role/\S+", processes.log("minio").read_text())
            site = Site(admin, add_reader(admin), issuer, told[0], folder)
            with faulty_store(whole(json.dumps(metadata(site.temporary())).encode())) as (url, _):
                yield replace(site, metadata_url=f"{url}/key")
        finally:
            processes.stop("minio")


def metadata(key: Credentials) -> dict[str, str]:
    """What the metadata service of a machine or container says."""
    return {
        "AccessKeyId": key.access_key,
        "SecretAccessKey": key.secret_key,
        "Token": key.session_token,
        "Expiration": f"{key.expiration:%Y-%m-%dT%H:%M:%SZ}",
    }


def fill(admin: StoreAccess) -> None:
    for bucket in ("fish", "public"):
        admin.connect().make_bucket(bucket)
        store = S3Store(admin, bucket)
        for key in (TEXT, "again.txt"):
            store.write_bytes(key, b"fish")
        with open_database(store) as database:
            database.store_parquet("SELECT range AS n FROM range(3)", ROWS)
    statements = [
        {"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": [action], "Resource": [f"arn:aws:s3:::public{path}"]}
        for action, path in (("s3:ListBucket", ""), ("s3:GetObject", "/*"))
    ]
    admin.connect().set_bucket_policy("public", json.dumps({"Version": "2012-10-17", "Statement": statements}))


def login(site, _pod):
    return site.connection({})


def session_token(site, _pod):
    key = site.temporary()
    return replace(
        site.connection({"aws_session_token": key.session_token}), access_key=key.access_key, secret_key=key.secret_key
    )


def anonymous(site, _pod):
    return site.connection({"anonymous": True}, keyless=True)


def role(site, _pod):
    return site.connection({"role_arn": ROLE, "assume_role_kwargs": {"ExternalId": "reef"}})


def web_identity(site, pod):
    """A pod that was given an identity: the cluster writes its token, names file and role, and nobody has a key."""
    token = site.folder / "token"
    token.write_text(site.issuer.token("system:serviceaccount:shoal:worker"))
    pod.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    pod.setenv("AWS_ROLE_ARN", site.web_role)
    return site.connection({"assume_role_method": "assume_role_with_web_identity"}, keyless=True)


def web_identity_of_the_connection(site, pod):
    """Airflow's own words for it."""
    access = web_identity(site, pod)
    pod.delenv("AWS_WEB_IDENTITY_TOKEN_FILE")
    pod.delenv("AWS_ROLE_ARN")
    extra = {
        "role_arn": site.web_role,
        "assume_role_method": "assume_role_with_web_identity",
        "assume_role_with_web_identity_federation": "file",
        "assume_role_with_web_identity_token_file": str(site.folder / "token"),
    }
    return replace(site.connection(extra, keyless=True), region=access.region)


def instance_profile(site, pod):
    pod.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", site.metadata_url)
    return site.connection({"instance_profile": True}, keyless=True)


@pytest.fixture
def pod(monkeypatch):
    """The environment of a pod, with no identity of this machine's own."""
    for name in ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


LOGINS = [
    pytest.param(login, "login", id="login, private authority"),
    pytest.param(session_token, "session token until 20..-..-..T..:..:..Z", id="session token"),
    pytest.param(anonymous, "anonymous", id="anonymous"),
    pytest.param(role, "role", id="role"),
    pytest.param(web_identity, "web identity", id="web identity of a pod"),
    pytest.param(web_identity_of_the_connection, "web identity", id="web identity of the connection"),
    pytest.param(instance_profile, "instance profile", id="instance profile"),
]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(("made", "words"), LOGINS)
def test_every_kind_of_login_is_read_with_by_all_four(made, words, reader, site, pod, tmp_path):  # noqa: PLR0917 - a table
    if reader == "rclone" and not may_mount():
        pytest.skip("no right to mount here, the sidecar is not tested")
    access = made(site, pod)
    assert re.fullmatch(words, access.login)
    assert READERS[reader](access, "public" if words == "anonymous" else "fish", tmp_path) == "fish"


def test_a_role_s_key_of_a_run_s_own_does_what_that_run_does(site, pod):
    access = replace(role(site, pod), role_s=7200)
    limited = limit_access(access, "fish", Rights(read=(TEXT,)), timedelta(hours=1), timedelta(hours=2))
    assert S3Store(limited, "fish").find_bytes(TEXT) == b"fish"
    with pytest.raises(AccessDeniedError, match=r"the key of this run's own until 20.*, which does what that run does"):
        S3Store(limited, "fish").find_bytes("again.txt")


def test_virtual_hosts_are_asked_by_all_four(site, tmp_path):
    if not may_mount():
        pytest.skip("no right to mount here: names of hosts are not tested")
    port = site.admin.host.rpartition(":")[2]
    access = replace(
        site.connection({"addressing_style": "virtual", "region_name": "us-east-1"}),
        endpoint_url=f"https://store.test:{port}",
    )
    assert not access.path_style
    assert read_under_host_names(access, "fish", tmp_path) == ["fish"] * 3
    assert read_by_sidecar(access, "fish", tmp_path) == "fish"


@contextmanager
def keys_that_end(site: Site, seconds: float) -> Iterator[tuple[EndingKeys, StoreAccess]]:
    """The store behind something that lets its keys end; and a role there."""
    keys = EndingKeys(site.admin.endpoint_url, site.admin.ca_file, seconds)
    with faulty_store(keys.answer) as (url, _):
        yield keys, replace(site.connection({"role_arn": ROLE}), endpoint_url=url, sts_url=url, ca_file="")


def test_a_mount_reads_on_when_its_key_has_ended(site, tmp_path):
    if not may_mount():
        pytest.skip("no right to mount here, the sidecar is not tested")
    with keys_that_end(site, 2) as (keys, access):
        read = read_by_sidecar(access, "fish", tmp_path, then=f"; sleep 3.2; cat {tmp_path}/images/again.txt")
    assert read == "fishfish"
    assert len(keys.given) > 1


def test_a_whole_run_with_a_long_summarize_outlives_its_keys(site, demo_models, scenes, tmp_path):
    """Plan, worker, and a summarize in which requests are slow: the client's and DuckDB's keys end again and again."""
    writer = add_writer(site.admin, "*")
    given_to = make_pipeline(site.admin, {"v1": demo_models["v1"]}, tmp_path)
    given_to.put_scenes(scenes[:2])
    with keys_that_end(site, 2) as (keys, role_there):
        access = replace(role_there, access_key=writer.access_key, secret_key=writer.secret_key)
        pipeline = Pipeline(given_to.dataset, open_stores(given_to.dataset, lambda _: access))
        plan = pipeline.plan()
        pipeline.infer(plan)
        before, keys.pause_s, begun = set(keys.given), 0.07, time.monotonic()
        summary = pipeline.summarize(plan)
        assert time.monotonic() - begun > 3
        assert len(set(keys.given) - before) > 1
    assert summary.failure is None
    assert summary.summary["result"]["examined"] == 2
    assert plan.to_json()["credentials"] == {"source": "role", "models": "role", "results": "role"}


def test_a_statement_whose_key_has_ended_is_run_again_with_a_new_one(site, monkeypatch):
    """A key may end within a statement, however early it is renewed; the next one is told to DuckDB, and nothing is lost."""
    store, stale = S3Store(site.reader, "fish"), Credentials("gone", "gone", "gone")
    good = site.temporary()
    told = [stale, stale, good]
    store._keys = SimpleNamespace(retrieve=lambda: told.pop(0) if len(told) > 1 else told[0])
    monkeypatch.setattr(session, "HTTP_RETRIES", 0)
    with open_database(store) as database:
        assert database.value("SELECT count(*) FROM read_parquet(?)", [store.uri(ROWS)]) == 3
