"""Addresses of stores that hold more than an address: refused in one line, and what they hold is not repeated."""

import pytest

from shoal.contract.errors import ConfigError
from shoal.stores.access import Connection
from shoal.stores.kinds import access_from_connection, open_from_env
from shoal.stores.s3_access import StoreAccess

SECRET = "s3cr3t-canary"


def connection(extra, host="", port=None):
    return Connection("store", host, port, "accesskey123", SECRET, extra)


REFUSED = {
    "a login": (f"https://user:{SECRET}@minio.lab:9000", "holds a login before its host"),
    "a token as a user": (f"https://{SECRET}@minio.lab", "holds a login before its host"),
    "a query": (f"https://minio.lab:9000?X-Amz-Signature={SECRET}", "holds a query"),
    "an empty query": ("https://minio.lab:9000?", "holds a query"),
    "a query after a path": (f"https://minio.lab/?token={SECRET}", "holds a query"),
    "a fragment": (f"https://minio.lab#{SECRET}", "holds a fragment"),
    "a path": (f"https://minio.lab/{SECRET}", "holds a path"),
    "all of them": (f"https://a:{SECRET}@minio.lab/{SECRET}?{SECRET}#{SECRET}", "holds a login before its host and a query and a fragment and a path"),
    "a port that is none": (f"https://minio.lab:{SECRET}", "is no URL"),
    "a port that is too high": ("https://minio.lab:99999", "is no URL"),
    "half an IPv6 address": (f"https://[::1{SECRET}", "is no URL"),
    "a blank": (f"https://minio.lab {SECRET}", "is no URL"),
    "a backslash": (f"https://minio.lab\\{SECRET}", "is no URL"),
    "an escape": (f"https://minio.lab\x1b[2J{SECRET}", "is no URL"),
    "another scheme": (f"ftp://{SECRET}.lab", "begins with neither http:// nor https://"),
}  # fmt: skip


def refused(call):
    with pytest.raises(ConfigError) as said:
        call()
    assert SECRET not in str(said.value)
    assert SECRET not in repr(said.value)
    assert "\n" not in str(said.value)
    return str(said.value)


@pytest.mark.parametrize(("url", "why"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("place", ["endpoint_url", "service_config"])
def test_a_connection_is_named_and_its_address_is_not(url, why, place):
    extra = {"endpoint_url": url} if place == "endpoint_url" else {"service_config": {"s3": {"endpoint_url": url}}}
    said = refused(lambda: access_from_connection(connection(extra)))
    assert said.startswith(
        f"The endpoint of Airflow connection 'store' {why} (it is not shown) - write http(s)://host[:port]"
    )


@pytest.mark.parametrize(
    "host", [f"user:{SECRET}@minio.lab", f"minio.lab?{SECRET}", f"https://a:{SECRET}@minio.lab", f"minio.lab/{SECRET}"]
)
def test_the_field_host_is_an_address_too(host):
    refused(lambda: access_from_connection(connection({}, host, 9000)))


def test_a_token_service_may_have_a_path_and_no_more():
    def read(url):
        extra = {"endpoint_url": "https://minio.lab", "service_config": {"sts": {"endpoint_url": url}}}
        web = {"role_arn": "arn:x", "assume_role_method": "assume_role_with_web_identity"}
        return access_from_connection(connection({**extra, **web}))

    assert read("https://sts.lab/minio").sts_url == "https://sts.lab/minio"
    said = refused(lambda: read(f"http://sts.lab/?token={SECRET}"))
    assert said.startswith(
        "service_config.sts.endpoint_url of Airflow connection 'store' holds a query (it is not shown)"
    )


def test_a_worker_s_variables_are_addresses_too():
    access = StoreAccess("https://minio.lab", "accesskey123", SECRET)
    environ = {**access.to_env("source"), "SHOAL_SOURCE_ENDPOINT_URL": f"https://a:{SECRET}@minio.lab"}
    assert refused(lambda: open_from_env("source", "fish", environ)).startswith(
        "The endpoint URL of a store holds a login"
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://minio.lab:9000",
        "http://127.0.0.1:9000",
        "https://[::1]:9000",
        "http://min_io",
        "https://s3.eu-west-1.amazonaws.com",
    ],
)
def test_an_address_is_taken(url):
    assert access_from_connection(connection({"endpoint_url": f"{url}/"})).endpoint_url == url
