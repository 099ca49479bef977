"""What people are told of each error code: whom it concerns and what helps."""

import re
import threading
from collections import Counter
from dataclasses import replace

import pytest

from shoal.contract.errors import AccessDeniedError, ConfigError, LoginRefusedError, ShoalError, StoreError
from shoal.stores import s3_codes, s3_errors, s3_patience
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess
from shoal.stores.s3_codes import MEANINGS
from shoal.stores.s3_explain import explain
from worker.http_faults import faulty_store, first, status, whole

LISTING = (
    b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a.jpg</Key>"
    b"<LastModified>2026-06-01T02:03:04Z</LastModified><ETag>e</ETag><Size>7</Size></Contents></ListBucketResult>"
)

ASKED = [
    "AccessDenied",
    "AccountProblem",
    "AllAccessDisabled",
    "AuthorizationHeaderMalformed",
    "BadDigest",
    "EntityTooLarge",
    "EntityTooSmall",
    "ExpiredToken",
    "IncompleteBody",
    "InternalError",
    "InvalidAccessKeyId",
    "InvalidArgument",
    "InvalidBucketName",
    "InvalidBucketState",
    "InvalidDigest",
    "InvalidEncryptionAlgorithmError",
    "InvalidObjectState",
    "InvalidPart",
    "InvalidPartOrder",
    "InvalidPayer",
    "InvalidRange",
    "InvalidRequest",
    "InvalidSecurity",
    "InvalidStorageClass",
    "InvalidToken",
    "InvalidURI",
    "KeyTooLongError",
    "MetadataTooLarge",
    "MethodNotAllowed",
    "MissingContentLength",
    "MissingSecurityHeader",
    "NoSuchBucket",
    "NoSuchKey",
    "NoSuchUpload",
    "NoSuchVersion",
    "NotImplemented",
    "NotSignedUp",
    "OperationAborted",
    "PermanentRedirect",
    "PreconditionFailed",
    "Redirect",
    "RequestTimeTooSkewed",
    "RequestTimeout",
    "RestoreAlreadyInProgress",
    "ServiceUnavailable",
    "SignatureDoesNotMatch",
    "SlowDown",
    "TemporaryRedirect",
    "TokenRefreshRequired",
    "QuotaExceeded",
    "XMinioStorageFull",
    "XMinioServerNotInitialized",
    "SlowDownRead",
    "SlowDownWrite",
    "TooManyRequests",
    "ObjectParentIsFile",
]
"""What AWS, MinIO and versitygw document of the requests that Shoal sends: LIST, GET, HEAD, PUT, DELETE, uploads in parts."""


def store_at(endpoint_url, region="us-east-1"):
    return S3Store(StoreAccess(endpoint_url, "accesskey123", "secretkey123456", region), "fish")


@pytest.mark.parametrize("code", ASKED)
def test_every_code_that_a_request_of_ours_can_have_is_in_the_table(code):
    assert MEANINGS[code].way_out


def test_no_code_stands_twice_in_the_table():
    """A second line would silently win over the first."""
    codes = [code for _, _, read_in in s3_codes._GROUPS for group in read_in.values() for code in group.split()]
    assert len(codes) == len(set(codes)) == len(MEANINGS)


def test_every_code_was_read_somewhere():
    assert {meaning.source for meaning in MEANINGS.values()} == set(s3_codes.SOURCES)


@pytest.mark.parametrize(
    ("http", "code", "kind", "message"),
    [
        pytest.param(403, "AccessDenied", AccessDeniedError, r"denied \(AccessDenied\) - check the login", id="rights"),
        pytest.param(403, "KMS.DisabledException", AccessDeniedError, "needs kms:Decrypt", id="a key service"),
        pytest.param(400, "ExpiredToken", LoginRefusedError, "aws_session_token, which has ended", id="a token's end"),
        pytest.param(
            403, "NotSignedUp", LoginRefusedError, "account is closed, locked or not signed up", id="no account"
        ),
        pytest.param(403, "RequestTimeTooSkewed", StoreError, "too far apart - set both by NTP", id="clocks"),
        pytest.param(404, "NoSuchBucket", ConfigError, r"No bucket 'fish' at .* - create it", id="no bucket"),
        pytest.param(400, "InvalidPayer", ConfigError, "requester pays", id="requester pays"),
        pytest.param(507, "XMinioStorageFull", StoreError, "free some room in the store", id="a full store"),
        pytest.param(501, "NotImplemented", StoreError, "the store has no such operation", id="an operation less"),
        pytest.param(400, "CloudKmsDisabledKey", AccessDeniedError, "needs kms:Decrypt", id="Google's key service"),
        pytest.param(403, "AuthenticationLockout", LoginRefusedError, "closed, locked or not signed up", id="Wasabi"),
        pytest.param(403, "UserSuspended", LoginRefusedError, "closed, locked or not signed up", id="Ceph"),
        pytest.param(418, "Teapot", StoreError, r"failed: Teapot, a code that Shoal does not know \(", id="unknown"),
        pytest.param(502, "", StoreError, r"No answer from .*\(HTTP 502 Bad Gateway\) - check that", id="a gateway"),
    ],
)
def test_a_code_is_told_with_what_helps(http, code, kind, message, monkeypatch):
    monkeypatch.setattr(s3_patience.Patience, "_sleep_backoff", lambda _: None)
    with faulty_store(status(http, code)) as (endpoint_url, _), pytest.raises(kind, match=message):
        store_at(endpoint_url).list_keys("")


ROLE = "arn:aws:iam::1:role/fish"


@pytest.mark.parametrize(
    ("login", "way_out"),
    [
        pytest.param({}, "check the login and password of the connection", id="a key"),
        pytest.param({"access_key": "", "secret_key": ""}, "in place of anonymous: true", id="nobody"),
        pytest.param({"role_arn": ROLE}, rf"check the rights of what the key was given for \({ROLE}\)$", id="a role"),
        pytest.param(
            {"identity": "web", "access_key": ""}, r"what the key was given for \(web identity\)$", id="web identity"
        ),
        pytest.param(
            {"identity": "machine", "access_key": ""}, r"was given for \(instance profile\)$", id="instance profile"
        ),
    ],
)
@pytest.mark.parametrize(("http", "code"), [(403, "AccessDenied"), (400, "ExpiredToken")])
def test_a_refusal_names_what_its_login_can_change(http, code, login, way_out):
    access = replace(StoreAccess("https://there", "accesskey123", "secretkey123456"), **login)
    err = s3_errors.answer_of(http, {}, f"<Error><Code>{code}</Code></Error>")
    assert re.search(way_out, str(explain(err, access, "bucket 'fish'")))


def test_a_key_service_s_refusal_is_told_to_a_role_too():
    access = StoreAccess("https://there", "", "", identity="web")
    err = s3_errors.answer_of(403, {}, "<Error><Code>KMS.DisabledException</Code></Error>")
    assert "the login needs kms:Decrypt" in str(explain(err, access, "bucket 'fish'"))


def test_an_unknown_code_is_told_with_the_request_and_the_host():
    body = b"<Error><Code>Teapot</Code><RequestId>4442587FB7D0A2F9</RequestId></Error>"
    with (
        faulty_store(_xml(418, body)) as (endpoint_url, _),
        pytest.raises(StoreError, match=rf"{re.escape(endpoint_url)} failed: Teapot.*\(request 4442587FB7D0A2F9\)"),
    ):
        store_at(endpoint_url).list_keys("")


@pytest.mark.parametrize(
    ("http", "body", "headers"),
    [
        pytest.param(
            400, b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-1</Region></Error>", {}, id="AWS, MinIO"
        ),
        pytest.param(
            400,
            b"<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region 'us-east-1' is wrong; expecting 'eu-1'"
            b"</Message></Error>",
            {},
            id="versitygw: in the message",
        ),
        pytest.param(
            301, b"<Error><Code>PermanentRedirect</Code></Error>", {"x-amz-bucket-region": "eu-1"}, id="a redirect"
        ),
    ],
)
def test_a_wrong_region_is_told_with_the_right_one(http, body, headers):
    with (
        faulty_store(_xml(http, body, headers)) as (endpoint_url, _),
        pytest.raises(
            ConfigError, match=r"in region 'us-east-1' .*is in region 'eu-1' - set region_name to 'eu-1' in the conn"
        ),
    ):
        store_at(endpoint_url).list_keys("")


def test_a_store_that_asks_for_fewer_requests_is_waited_for_and_the_log_says_so_once(monkeypatch, caplog):
    pauses = []
    monkeypatch.setattr(s3_patience.time, "sleep", pauses.append)
    monkeypatch.setattr(s3_patience, "_last_said", [float("-inf")])
    monkeypatch.setenv("SHOAL_STORE_PATIENCE_S", "120")
    with faulty_store(first(8, status(503, "SlowDown"), whole(LISTING))) as (endpoint_url, requests):
        assert store_at(endpoint_url).list_keys("") == ["a.jpg"]
    assert len(requests) == 9
    nominal = [0.5, 1, 2, 4, 8, 16, 20, 20]
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, nominal, strict=True))
    assert [record.message.partition(" at ")[0] for record in caplog.records if "fewer" in record.message] == [
        "The store asks for fewer requests (SlowDown"
    ]


def test_a_store_that_asks_for_fewer_requests_for_two_minutes_ends_the_request(monkeypatch):
    pauses = []
    monkeypatch.setattr(s3_patience.time, "sleep", pauses.append)
    monkeypatch.setenv("SHOAL_STORE_PATIENCE_S", "120")
    with (
        faulty_store(status(503, "SlowDown")) as (endpoint_url, _),
        pytest.raises(StoreError, match=r"failed again and again: SlowDown - .* use fewer workers"),
    ):
        store_at(endpoint_url).list_keys("")
    assert 60 <= sum(pauses) <= 140


@pytest.mark.parametrize(
    ("gives", "refusals", "words"),
    [
        pytest.param(
            lambda _: True,
            7,
            r"does not give object 'odd' .*\(SlowDown\), and gave \d+ others meanwhile - see",
            id="all others",
        ),
        pytest.param(lambda number: number % 9 != 0, 7, "does not give object 'odd'", id="most others at once"),
        pytest.param(
            lambda number: number % 2 == 0,
            12,
            "again and again: SlowDown - it answers too many requests",
            id="every second one",
        ),
        pytest.param(lambda _: False, 12, "failed again and again: SlowDown - .* fewer workers", id="none"),
    ],
)
def test_one_image_of_many_is_given_up_sooner_where_the_others_are_given(gives, refusals, words, monkeypatch):
    """Two threads: one asks for an image that is never given, the other for twenty others at each pause of the first."""
    monkeypatch.setenv("SHOAL_STORE_PATIENCE_S", "120")
    asked: Counter[str] = Counter()

    def answer(handler, _number):
        asked[key := handler.path.rpartition("/")[2]] += 1
        given = key != "odd" and (asked[key] > 1 or gives(int(key)))
        if not given:
            status(503, "SlowDown")(handler, 0)
        else:
            whole(b"a", etag="e")(handler, 0)

    with faulty_store(answer) as (endpoint_url, _):
        store, numbers = store_at(endpoint_url), iter(range(1, 1000))

        def sleep(_seconds):
            if threading.current_thread() is me and any(map(gives, range(9))):
                other = threading.Thread(target=lambda: [store.read(str(next(numbers)), "e", 1) for _ in range(20)])
                other.start()
                other.join()

        me = threading.current_thread()
        monkeypatch.setattr(s3_patience.time, "sleep", sleep)
        with pytest.raises(StoreError, match=words):
            store.read("odd", "e", 1)
        assert asked["odd"] == refusals
        with pytest.raises(StoreError, match="again and again: SlowDown"):
            store.find_bytes("odd")  # no image: a plan, say, is worth all patience
        assert asked["odd"] == refusals + 12


@pytest.mark.parametrize(
    ("http", "code"),
    [
        pytest.param(400, "KMS.ThrottlingException", id="Amazon's key service"),
        pytest.param(400, "Throttling", id="Amazon's SDKs"),
        pytest.param(509, "BandwidthLimitExceeded", id="a limit of bytes"),
        pytest.param(403, "RequestLimitExceeded", id="under a refusal"),
        pytest.param(500, "SlowDown", id="under trouble"),
        pytest.param(429, "Teapot", id="by its status alone"),
    ],
)
@pytest.mark.parametrize(
    ("work", "done"),
    [
        pytest.param(lambda store: store.list_keys(""), LISTING, id="a listing"),
        pytest.param(lambda store: store.read_bytes("a.jpg"), b"a", id="a read"),
        pytest.param(lambda store: store.delete(["a", "b"]), b"<DeleteResult></DeleteResult>", id="a deletion"),
    ],
)
def test_what_the_table_calls_pace_is_waited_for_under_every_status(http, code, work, done, monkeypatch):
    monkeypatch.setattr(s3_patience.time, "sleep", lambda _: None)
    monkeypatch.setenv("SHOAL_STORE_PATIENCE_S", "120")
    with faulty_store(first(7, status(http, code), whole(done))) as (endpoint_url, requests):
        work(store_at(endpoint_url))
    assert len(requests) == 8


@pytest.mark.parametrize(("http", "code"), [(403, "AccessDenied"), (400, "ExpiredToken"), (418, "Teapot")])
def test_what_is_not_about_the_pace_is_asked_once(http, code):
    for work in (lambda store: store.list_keys(""), lambda store: store.read_bytes("a.jpg")):
        with faulty_store(status(http, code)) as (endpoint_url, requests):
            with pytest.raises(ShoalError, match=code):
                work(store_at(endpoint_url))
            assert len(requests) == 1


def test_a_deletion_of_several_that_is_refused_for_its_pace_is_sent_again(monkeypatch):
    monkeypatch.setattr(s3_patience.time, "sleep", lambda _: None)
    done = whole(b"<DeleteResult></DeleteResult>")
    with faulty_store(first(3, status(503, "SlowDown"), done)) as (endpoint_url, requests):
        store_at(endpoint_url).delete(["a", "b"])
    assert len(requests) == 4


def _xml(code, body, headers=None):
    def answer(handler, _number):
        handler.send_response(code)
        for name, value in {"Content-Type": "application/xml", **(headers or {})}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer
