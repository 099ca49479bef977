"""What a key of a run's own may do, as a policy; and when there is none to be had."""

import json
import threading
from datetime import timedelta

import pytest
import urllib3

from shoal.contract.errors import ConfigError, LoginRefusedError, NoAnswerError, NoRunKeyError, StoreError
from shoal.contract.run_rights import Rights
from shoal.stores.access import Connection
from shoal.stores.kinds import access_from_connection, limit_access
from shoal.stores.s3_policy import session_policy
from waiting import wait_until
from worker.http_faults import faulty_store, first, status, whole

ROLE = {"role_arn": "arn:aws:iam::1:role/fish"}
AMAZON = {"region_name": "eu-north-1"}
WEB = {"assume_role_method": "assume_role_with_web_identity", "assume_role_kwargs": {"DurationSeconds": 43200}}
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


@pytest.mark.parametrize("prefix", ["a*b/", "what?/", "${aws:username}/"])
def test_a_prefix_that_would_open_its_neighbours_is_written_for_amazon_only(prefix):
    with pytest.raises(NoRunKeyError, match=r"in the prefix '.*' means any name in a policy of this store"):
        statements(Rights(read=(prefix,)))
    rights = Rights(read=(prefix,), names=(prefix,), folders=(prefix,))
    read, within, exact, _ = statements(rights, amazon=True)
    written = "".join(f"${{{one}}}" if one in "*?$" else one for one in prefix)
    assert read["Resource"] == [f"arn:aws:s3:::fish/{written}*"]
    assert within["Condition"]["StringLike"]["s3:prefix"] == [f"{written}*"]
    assert exact["Condition"]["StringEquals"]["s3:prefix"] == [written]


def test_a_dollar_that_begins_no_variable_is_one():
    (read,) = statements(Rights(read=("$5/",)))
    assert read["Resource"] == ["arn:aws:s3:::fish/$5/*"]


@pytest.mark.parametrize(
    ("region", "part"), [("eu-north-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_amazon_s_names_of_things_differ_by_region_and_its_kms_may_be_asked(region, part):
    read, kms = statements(Rights(read=("a/",)), region=region, amazon=True)
    assert read["Resource"] == [f"arn:{part}:s3:::fish/a/*"]
    assert kms["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert kms["Condition"] == {"StringLike": {"kms:ViaService": "s3.*"}}


def test_another_store_s_region_is_no_part_of_amazon():
    (read,) = statements(Rights(read=("a/",)), region="cn-north-1")
    assert read["Resource"] == ["arn:aws:s3:::fish/a/*"]
    deny, _ = statements(Rights(), region="cn-north-1", amazon=True)
    assert deny["Resource"] == ["arn:aws-cn:s3:::*"]


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
        pytest.param({**THERE, **ROLE, **WEB}, True, "pods log in by web identity", id="a pod's own identity"),
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


def test_a_worker_that_may_take_longer_than_any_key_lasts_is_told_so():
    with pytest.raises(
        NoRunKeyError, match=r"^a key lasts 365 days at most and a worker may take 400 - shorten run.bud"
    ):
        limit(THERE, least=timedelta(days=400))


@pytest.mark.parametrize(
    ("written", "read"), [(None, "true"), (True, "true"), ("no", "false"), (False, "false"), ("Required", "required")]
)
def test_a_connection_says_whether_such_keys_are_wanted(written, read):
    extra = THERE if written is None else {**THERE, "run_keys": written}
    access = access_from_connection(Connection("reef", "", None, "key", "secret", extra))
    assert (access.run_keys, access.run_keys_required) == (read, read == "required")
    assert not any("RUN_KEYS" in name for name in access.to_env("source"))


@pytest.mark.parametrize("kind", [{}, {"kind": "rclone", "rclone": {"type": "webdav", "url": "https://there"}}])
def test_a_word_that_could_mean_either_is_refused(kind):
    with pytest.raises(
        ConfigError, match=r"'reef' has run_keys 'requred' in its extra - write true, false or required"
    ):
        access_from_connection(Connection("reef", "", None, "key", "secret", {**THERE, **kind, "run_keys": "requred"}))
    required = Connection("reef", "", None, "key", "secret", {**THERE, **kind, "run_keys": "required"})
    assert access_from_connection(required).run_keys_required


REFUSALS = {
    "an access key of one": (status(403, "AccessDenied"), LoginRefusedError, r"\(AccessDenied\) - this login makes no"),
    "no such service": (status(404), LoginRefusedError, r"\(HTTP 404\) - this login makes no keys of its own here"),
    "another request": (
        status(405, "MethodNotAllowed"),
        LoginRefusedError,
        r"\(MethodNotAllowed\) - this login makes no",
    ),
    "a region's": (
        status(400, "AuthorizationHeaderMalformed"),
        LoginRefusedError,
        r"Malformed\) - this login makes no",
    ),
    "an unknown login": (
        status(403, "InvalidAccessKeyId"),
        LoginRefusedError,
        r"\(InvalidAccessKeyId\) - check the login",
    ),
    "a page": (
        whole(b"<html>"),
        StoreError,
        r"holds no key - this login makes no keys of its own here \(on MinIO a user",
    ),
}


@pytest.mark.parametrize(("answer", "kind", "said"), REFUSALS.values(), ids=REFUSALS)
def test_a_login_without_a_role_is_told_nothing_of_roles(answer, kind, said, monkeypatch):
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/of-airflow-s-own-pod")
    with faulty_store(answer) as (url, _), pytest.raises(kind, match=said) as refused:
        limit({"endpoint_url": url})
    assert "role" not in str(refused.value)


def test_a_token_service_that_is_away_for_a_moment_is_asked_again_and_one_that_swallows_is_once(monkeypatch):
    monkeypatch.setattr("shoal.stores.s3_patience.Patience._sleep_backoff", lambda _: None)
    with faulty_store(first(3, status(500), status(403, "AccessDenied"))) as (url, asked):
        with pytest.raises(LoginRefusedError, match="AccessDenied"):
            limit({"endpoint_url": url})
        assert len(asked) == 4
    monkeypatch.setattr("shoal.stores.s3_token_service.HURRIED", urllib3.Timeout(connect=2, read=0.2))
    over = threading.Event()
    with faulty_store(lambda *_: over.wait()) as (url, asked):
        with pytest.raises(NoAnswerError, match=r"^No answer from http://127.0.0.1:\d+ for a key \(ReadTimeoutError\)"):
            limit({"endpoint_url": url})
        wait_until(lambda: len(asked) >= 2, what="what was asked")
        assert len(asked) == 2
        over.set()
