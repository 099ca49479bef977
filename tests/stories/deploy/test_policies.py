"""Whom a deployment lets reach what: the network policy of compose, and the policies of docs/production.md in a MinIO."""

import importlib.util
import json
import re
import secrets
from dataclasses import replace

import pytest
import yaml
from minio import MinioAdmin
from minio.credentials import StaticProvider

from cluster.binaries import CHECKOUT
from pipeline import Pipeline, make_pipeline
from shoal.contract.errors import ConfigError
from shoal.history.gc import delete, survey, terms_of
from shoal.preflight.steps import check_results
from shoal.settings.dataset_stores import open_stores
from written_rows import write_rows

POLICY = (CHECKOUT / "deploy/networkpolicy.yaml").read_text(encoding="utf-8")
PAGE = (CHECKOUT / "docs/production.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def network_policies():
    spec = importlib.util.spec_from_file_location("prepare_cluster", CHECKOUT / "docker/compose/prepare_cluster.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.network_policies


def test_compose_lets_workers_reach_names_and_its_store_and_nothing_else(network_policies):
    [policy] = network_policies(POLICY, "http://172.29.77.10:9000")
    names, store = policy["spec"]["egress"]
    assert store == {"to": [{"ipBlock": {"cidr": "172.29.77.10/32"}}], "ports": [{"protocol": "TCP", "port": 9000}]}
    assert {port["port"] for port in names["ports"]} == {53}
    assert policy["spec"]["ingress"] == []
    assert policy["spec"]["podSelector"] == yaml.safe_load(POLICY)["spec"]["podSelector"]


@pytest.mark.parametrize(
    ("url", "cidr", "port"),
    [("https://192.0.2.1", "192.0.2.1/32", 443), ("http://192.0.2.1", "192.0.2.1/32", 80), ("http://[2001:db8::1]:9000", "2001:db8::1/128", 9000)],
)  # fmt: skip
def test_a_store_of_yours_is_named_as_it_is(network_policies, url, cidr, port):
    [policy] = network_policies(POLICY, url)
    rule = policy["spec"]["egress"][-1]
    assert (rule["to"], rule["ports"][0]["port"]) == ([{"ipBlock": {"cidr": cidr}}], port)


def test_a_store_with_a_name_has_no_policy(network_policies):
    assert network_policies(POLICY, "http://minio.lab:9000") == []


def key_of(minio, name, dataset):
    """Make a user with one of the page's policies, for the buckets of a dataset."""
    [text] = re.findall(rf"<!-- policy: {name} -->\n```json\n(.*?)```", PAGE, re.DOTALL)
    user = replace(minio, access_key=secrets.token_hex(8), secret_key=secrets.token_hex(20))
    root = StaticProvider(minio.access_key, minio.secret_key)
    admin = MinioAdmin(endpoint=minio.host, credentials=root, secure=minio.secure)
    admin.user_add(user.access_key, user.secret_key)
    admin.policy_add(f"{name}-{dataset}", policy=json.loads(text.replace(":::reef-", f":::{dataset}-")))
    admin.policy_set(f"{name}-{dataset}", user=user.access_key)
    return user


def test_a_dataset_with_keys_of_its_own_does_everything_and_reaches_no_other(minio, demo_models, scenes, tmp_path):
    reef, kelp = (make_pipeline(minio, demo_models, tmp_path) for _ in range(2))
    for pipeline in (reef, kelp):
        pipeline.put_scenes(scenes[:2])
    keys = {name: key_of(minio, name, reef.dataset.name) for name in ("read", "write")}
    settings = reef.dataset.model_dump(mode="json")
    for group, conn_id in (("source", "read"), ("models", "read"), ("results", "write")):
        settings[group] |= {"conn_id": conn_id}
    dataset = type(reef.dataset).model_validate(settings)
    own = Pipeline(dataset, open_stores(dataset, keys.__getitem__))
    check_results(own.stores)
    plan = own.plan()
    write_rows(own, plan)
    own.summarize(plan)
    assert own.verify(plan.run_key, plan.variant.directory).deviations == ()
    delete(
        own.stores.results,
        own.stores.layout,
        survey(own.stores.results, own.stores.layout, terms_of(dataset, own.stores.results, None)),
    )
    with pytest.raises(ConfigError, match="denied"):
        own.stores.source.write_bytes("new.jpg", b"x")
    for bucket in (kelp.stores.source, kelp.stores.results):
        for key in keys.values():
            with pytest.raises(ConfigError, match="denied"):
                type(bucket)(key, bucket.bucket).list_keys("")
