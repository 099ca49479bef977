"""What a key of a run's own may do, as a policy; and when there is none to be had."""

import json
from datetime import timedelta

import pytest

from shoal.contract.errors import NoRunKeyError
from shoal.contract.run_rights import Rights
from shoal.stores.object_store import Connection, access_from_connection, limit_access
from shoal.stores.s3_policy import session_policy

ROLE = {"role_arn": "arn:aws:iam::1:role/fish"}
AMAZON = {"region_name": "eu-north-1"}
THERE = {"endpoint_url": "https://there"}


def statements(rights: Rights, **where) -> list[dict]:
    return json.loads(session_policy("fish", rights, **where))["Statement"]


def test_a_policy_names_what_may_be_done_by_prefixes():
    rights = Rights(read=("runs/1/",), write=("parts/1-", "runs/1/progress/"), delete=("runs/1/trying-",))
    read, write, delete = statements(rights)
    assert read == {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::fish/runs/1/*"]}
    assert write["Resource"] == ["arn:aws:s3:::fish/parts/1-*", "arn:aws:s3:::fish/runs/1/progress/*"]
    assert write["Action"] == ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    assert delete["Action"] == ["s3:DeleteObject"]
    assert delete["Resource"] == ["arn:aws:s3:::fish/runs/1/trying-*"]


def test_names_are_listed_below_a_prefix_and_one_level_deep_on_the_way_to_it():
    below, way = statements(Rights(names=("site/cam",), folders=("", "site/")))
    assert below["Condition"] == {"StringLike": {"s3:prefix": ["site/cam*"]}}
    assert way["Condition"] == {"StringEquals": {"s3:prefix": ["", "site/"], "s3:delimiter": "/"}}


def test_where_a_whole_bucket_is_the_dataset_s_its_names_have_no_condition():
    """With one Amazon would say "denied" of an image that is gone."""
    read, names = statements(Rights(read=("",), names=("",)))
    assert read["Resource"] == ["arn:aws:s3:::fish/*"]
    assert names == {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["arn:aws:s3:::fish"]}


def test_no_rights_are_a_policy_that_denies_everything():
    (deny,) = statements(Rights())
    assert (deny["Effect"], deny["Action"]) == ("Deny", ["s3:*"])


def test_a_prefix_is_no_variable_of_a_policy():
    (read,) = statements(Rights(read=("${aws:username}/",)))
    assert read["Resource"] == ["arn:aws:s3:::fish/?{aws:username}/*"]


@pytest.mark.parametrize(
    ("region", "part"), [("eu-north-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_amazon_s_names_of_things_differ_by_region_and_its_kms_may_be_asked(region, part):
    read, kms = statements(Rights(read=("a/",)), region=region, by_kms=True)
    assert read["Resource"] == [f"arn:{part}:s3:::fish/a/*"]
    assert kms["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert kms["Condition"] == {"StringLike": {"kms:ViaService": "s3.*"}}


def test_a_policy_longer_than_token_services_take_is_none():
    with pytest.raises(
        NoRunKeyError, match=r"its policy would have \d{4} characters, of which token services take 2048"
    ):
        session_policy("fish", Rights(read=("a" * 1000,), names=("a" * 1000,)))


def limit(extra, *, keyless=False, least=timedelta(hours=5)):
    login = ("", "") if keyless else ("key", "secret")
    access = access_from_connection(Connection("reef", "", None, *login, extra))
    return limit_access(access, "fish", Rights(read=("",)), least, least + timedelta(hours=12))


@pytest.mark.parametrize(
    ("extra", "keyless", "why"),
    [
        pytest.param({**THERE, "run_keys": False}, False, "run_keys: false", id="not wanted"),
        pytest.param({**THERE, "anonymous": True}, True, "has no login", id="a public bucket"),
        pytest.param({**THERE, "aws_session_token": "t"}, False, r"key ends \(session token\)", id="a temporary key"),
        pytest.param({**THERE, "instance_profile": True}, True, r"key ends \(instance profile\)", id="a machine's"),
        pytest.param(AMAZON, False, "of a role - give the connection role_arn", id="Amazon without a role"),
        pytest.param(
            {**AMAZON, **ROLE}, False, r"lasts 3600 s and a worker may take 18000 s - write Dur", id="a role's hour"
        ),
        pytest.param(
            {**AMAZON, **ROLE, "assume_role_kwargs": {"DurationSeconds": 7200}},
            False,
            "lasts 7200 s",
            id="a role's two",
        ),
    ],
)
def test_no_key_is_asked_for_where_none_is_to_be_had(extra, keyless, why):
    with pytest.raises(NoRunKeyError, match=why):
        limit(extra, keyless=keyless)
