"""The door of the stores: one table says which kinds there are, and nobody else asks for a kind."""

import ast
import base64
from dataclasses import asdict
from pathlib import Path

import pytest

from shoal.contract.errors import ConfigError
from shoal.stores.access import Connection
from shoal.stores.kinds import KINDS, access_from_connection, load_kind, open_from_env, open_store, write_env
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess
from shoal.stores.unreached import UnreachedStore

INCLUDE = Path(__file__).parents[3] / "include"
ACCESS = StoreAccess("https://store:9000", "AKIA", "secret", "eu-1", "/etc/ca.pem")


def connection(**changes):
    parts = {"host": "store", "port": 9000, "login": "AKIA", "password": "secret", "extra": {}}
    return Connection("reef_s3", **{**parts, **changes})


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_the_table_can_be_loaded(kind):
    assert callable(load_kind(kind).access_from_env)


def test_a_kind_that_is_not_there_names_those_that_are():
    with pytest.raises(ConfigError, match=r"No kind of object store 'ftp' - there are folder, rclone, s3$"):
        access_from_connection(connection(extra={"kind": "ftp"}))
    with pytest.raises(ConfigError, match=r"No kind of object store 'ftp' - there are folder, rclone, s3$"):
        open_from_env("source", "fish", {"SHOAL_SOURCE_KIND": "ftp"})


@pytest.mark.parametrize(
    ("changes", "endpoint_url"),
    [
        pytest.param({}, "https://store:9000", id="host and port"),
        pytest.param({"port": None}, "https://store", id="no port"),
        pytest.param({"extra": {"secure": False}}, "http://store:9000", id="no TLS"),
        pytest.param({"host": "", "extra": {"endpoint_url": "http://there"}}, "http://there", id="a whole URL"),
        pytest.param({"extra": {"kind": "s3"}}, "https://store:9000", id="the kind is named"),
    ],
)
def test_a_connection_becomes_an_access(changes, endpoint_url):
    assert access_from_connection(connection(**changes)) == StoreAccess(endpoint_url, "AKIA", "secret", region="")


@pytest.mark.parametrize("part", ["host", "login", "password"])
def test_a_connection_without_a_part_names_what_it_needs(part):
    with pytest.raises(
        ConfigError, match=r"Airflow connection 'reef_s3' is not complete - it needs host, login and password"
    ):
        access_from_connection(connection(**{part: ""}))


AWS = {"region_name": "eu-north-1"}
VIRTUAL = {"endpoint_url": "https://there", "config_kwargs": {"s3": {"addressing_style": "virtual"}}}


@pytest.mark.parametrize(
    ("extra", "endpoint_url", "region", "path_style"),
    [
        pytest.param(AWS, "https://s3.eu-north-1.amazonaws.com", "eu-north-1", True, id="AWS by its region"),
        pytest.param(VIRTUAL, "https://there", "", False, id="virtual hosts"),
        pytest.param(
            {"service_config": {"s3": {"endpoint_url": "https://there/"}}},
            "https://there",
            "",
            True,
            id="services",
        ),
        pytest.param(
            {"endpoint_url": "https://s3.eu-west-2.amazonaws.com"},
            "https://s3.eu-west-2.amazonaws.com",
            "eu-west-2",
            True,
            id="the region in the host name of AWS",
        ),
        pytest.param(
            {"endpoint_url": "https://s3.gra.io.cloud.ovh.net"},
            "https://s3.gra.io.cloud.ovh.net",
            "gra",
            True,
            id="of OVH",
        ),
        pytest.param(
            {"endpoint_url": "https://there", "region": "r1"}, "https://there", "r1", True, id="Shoal's own word"
        ),
    ],
)
def test_airflow_s_own_aws_extras_are_taken_as_they_are(extra, endpoint_url, region, path_style):
    assert access_from_connection(connection(host="", port=None, extra=extra)) == StoreAccess(
        endpoint_url, "AKIA", "secret", region, path_style=path_style
    )


EMPTY = [None, "", [], {}, False]
TEXTS = [
    *("endpoint_url", "region_name", "region", "aws_access_key_id", "aws_secret_access_key", "aws_session_token"),
    *("role_arn", "assume_role_method", "assume_role_kwargs", "external_id", "service_config", "config_kwargs"),
    *("assume_role_with_web_identity_token_file", "aws_credential_expiration", "addressing_style", "ca_file"),
    *("anonymous", "instance_profile", "profile_name", "assume_role_with_saml"),
]


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("value", EMPTY)
def test_what_says_nothing_in_an_extra_is_as_if_it_was_not_there(name, value):
    assert access_from_connection(connection(extra={name: value})) == access_from_connection(connection())


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("value", [7, 7.5, ["a"], {"a": 1}, True])
def test_a_number_or_a_list_in_an_extra_is_taken_as_text_or_refused_in_one_line(name, value):
    try:
        access = access_from_connection(connection(extra={name: value}))
    except ConfigError as err:
        told = [str(err)]
    else:
        told = list(access.to_env("source").values())
    assert [len(str(text).splitlines()) <= 1 and isinstance(text, str) for text in told] == [True] * len(told)


def test_a_number_is_its_digits():
    extra = {"aws_access_key_id": 12, "aws_secret_access_key": 34, "aws_session_token": 12345, "region_name": 7}
    access = access_from_connection(connection(login="", password="", extra=extra))
    assert (access.access_key, access.secret_key, access.session_token, access.region) == ("12", "34", "12345", "7")


def test_keys_in_the_extra_and_a_token_are_read():
    extra = {**AWS, "aws_access_key_id": "ASIA", "aws_secret_access_key": "hidden", "aws_session_token": "token"}
    access = access_from_connection(connection(host="", port=None, login="", password="", extra=extra))
    assert (access.access_key, access.secret_key, access.session_token) == ("ASIA", "hidden", "token")
    assert access.to_env("source")["SHOAL_SOURCE_SESSION_TOKEN"] == "token"
    assert S3Store(access, "fish").duckdb_options()["s3_session_token"] == "token"


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        pytest.param({"profile_name": "x"}, "has profile_name in its extra, which Shoal cannot", id="a profile"),
        pytest.param(
            {"role_arn": "arn:aws:iam::1:role/x", "assume_role_method": "assume_role_with_saml"},
            "has assume_role_method 'assume_role_with_saml' .* or role_arn with assume_role_method assume_role or",
            id="a way to a role",
        ),
        pytest.param(
            {
                "assume_role_method": "assume_role_with_web_identity",
                "assume_role_with_web_identity_federation": "google",
            },
            "federation 'google', which Shoal cannot follow - write file",
            id="another's web identity",
        ),
        pytest.param(
            {"role_arn": "arn:aws:iam::1:role/x", "assume_role_kwargs": {"SerialNumber": "1", "ExternalId": "2"}},
            "has SerialNumber in assume_role_kwargs, .* knows DurationSeconds, ExternalId, RoleSessionName",
            id="a second factor",
        ),
        pytest.param(
            {"role_arn": "arn:aws:iam::1:role/x", "aws_session_token": "t"},
            "has role_arn and aws_session_token, .* by a lasting key or by web identity",
            id="a role by a temporary key",
        ),
        pytest.param(
            {"role_arn": "arn:aws:iam::1:role/x", "instance_profile": True},
            "has role_arn and instance_profile, .* leave one of the two out",
            id="a role by a machine",
        ),
        pytest.param(
            {"aws_session_token": "t", "aws_credential_expiration": "soon"},
            "aws_credential_expiration 'soon' - write a time such as",
            id="an end that is no time",
        ),
        pytest.param({"verify": False}, "has verify: false, .* name the PEM file", id="no check of certificates"),
        pytest.param({"addressing_style": "host"}, "addressing_style 'host' - write path or virtual", id="a style"),
    ],
)
def test_an_extra_that_cannot_be_followed_says_what_can(extra, message):
    with pytest.raises(ConfigError, match=rf"Airflow connection 'reef_s3' .*{message}"):
        access_from_connection(connection(extra=extra))


@pytest.mark.parametrize(
    ("extra", "sts_url"),
    [
        pytest.param({"region_name": "eu-north-1"}, "https://sts.eu-north-1.amazonaws.com", id="of AWS"),
        pytest.param({"region_name": "cn-north-1"}, "https://sts.cn-north-1.amazonaws.com.cn", id="of AWS in China"),
        pytest.param({"endpoint_url": "https://there"}, "https://there", id="the store itself: MinIO, Ceph"),
        pytest.param(
            {"endpoint_url": "https://there", "service_config": {"sts": {"endpoint_url": "https://keys/"}}},
            "https://keys",
            id="as the connection says",
        ),
    ],
)
def test_keys_for_roles_are_asked_of_whom_the_store_trusts(extra, sts_url):
    role = {"role_arn": "arn:aws:iam::1:role/x"}
    access = access_from_connection(connection(host="", port=None, extra={**extra, **role}))
    assert (access.sts_url, access.login) == (sts_url, "role")


def test_the_end_of_a_token_of_minio_is_read_from_it():
    """Its claims, of which only `exp` is of interest, are JSON in base64; 1780315200 is 2026-06-01 12:00 UTC."""
    claims = base64.urlsafe_b64encode(b'{"accessKey": "key", "exp": 1780315200}').decode().rstrip("=")
    access = access_from_connection(connection(extra={"aws_session_token": f"e30.{claims}.signature"}))
    assert access.login == "session token until 2026-06-01T12:00:00Z"
    assert access_from_connection(connection(extra={"aws_session_token": "FwoGZXIvYXdzEJr"})).login == "session token"


def test_virtual_hosts_and_no_login_reach_all_who_read():
    access = StoreAccess("https://there", "", "", path_style=False)
    opened = open_from_env("source", "fish", access.to_env("source"))
    assert opened.access == access
    assert opened.duckdb_options()["s3_url_style"] == "vhost"
    assert opened.duckdb_options()["s3_access_key_id"] == ""
    assert (
        access.to_env("source")[
            load_kind("s3").rclone_remote("source", "fish").environment["RCLONE_S3_FORCE_PATH_STYLE"]
        ]
        == "false"
    )


def test_no_secret_is_in_a_connection_s_words():
    assert "secret" not in repr(connection(extra={"token": "secret"}))


def test_a_worker_opens_what_its_environment_was_written_from():
    opened = open_from_env("source", "fish", ACCESS.to_env("source"))
    assert (type(opened), opened.access, opened.bucket) == (S3Store, ACCESS, "fish")


def test_a_pod_finds_the_certificate_authority_at_its_own_place():
    assert ACCESS.to_env("models", "/etc/shoal/ca/models.pem")["SHOAL_MODELS_CA_FILE"] == "/etc/shoal/ca/models.pem"


def test_a_worker_is_as_patient_as_its_airflow_was_told_to_be(monkeypatch):
    """A pod inherits nothing of Airflow's environment, a process only what is named."""
    monkeypatch.setenv("SHOAL_STORE_PATIENCE_S", "7.5")
    assert write_env(ACCESS, "source")["SHOAL_STORE_PATIENCE_S"] == "7.5"
    monkeypatch.delenv("SHOAL_STORE_PATIENCE_S")
    assert "SHOAL_STORE_PATIENCE_S" not in write_env(ACCESS, "source")


def test_a_variable_that_is_missing_is_named():
    with pytest.raises(ConfigError, match="SHOAL_MODELS_ACCESS_KEY is not set - it is part of the models credentials"):
        open_from_env("models", "fish", {"SHOAL_MODELS_ENDPOINT_URL": "http://there"})


def test_rclone_is_told_by_the_variables_a_worker_reads():
    remote = load_kind("s3").rclone_remote("source", "fish")
    assert remote.path == ":s3:fish"
    not_for_rclone = {"SHOAL_SOURCE_ENDS_AT", "SHOAL_SOURCE_KEY_OF", "SHOAL_STORE_PATIENCE_S"}
    assert {*remote.environment.values(), remote.ca_variable} == set(ACCESS.to_env("source")) - not_for_rclone


def test_a_bucket_that_was_not_reached_says_why_whatever_is_asked_of_it():
    gone = UnreachedStore("fish", ConfigError("Airflow connection 'reef_s3' is not defined"))
    asked = [name for name in vars(S3Store) | vars(S3Store.__mro__[1]) if not name.startswith("_")]
    ways_to_open = {"access_from_env", "access_from_connection", "rclone_remote", "limit_access"}
    for name in set(asked) - ways_to_open - {"address", "access", "ground", "hurried", "most_reads"}:
        with pytest.raises(ConfigError, match="'reef_s3' is not defined"):
            getattr(gone, name)()
    with pytest.raises(ConfigError, match="'reef_s3' is not defined"):
        open_store(gone.access, "fish")


def test_nobody_but_the_table_asks_for_a_kind_of_store():
    for path in [*INCLUDE.glob("shoal/**/*.py"), *INCLUDE.glob("shoal_worker/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
                assert "Store" not in ast.unparse(node.args[1]) or "Error" in ast.unparse(node.args[1]), path
            if isinstance(node, ast.Compare):
                assert not any(f"{quote}s3{quote}" in ast.unparse(node) for quote in "'\""), path


def test_a_worker_opens_the_kind_of_store_that_was_written_for_it(monkeypatch):
    """A second kind, as the table will have one: its name travels with the credentials."""
    monkeypatch.setitem(KINDS, "other", "shoal.stores.s3:S3Store")
    other = type("Other", (StoreAccess,), {"kind": "other"})(**asdict(ACCESS))
    assert "SHOAL_SOURCE_KIND" not in write_env(ACCESS, "source")
    assert write_env(other, "source") == {**ACCESS.to_env("source"), "SHOAL_SOURCE_KIND": "other"}
