"""What an S3 server's error codes mean: what each is about, whether it passes, and the way out.

Each code stands under where it was read, see `SOURCES`; OVH runs Ceph's gateway and one of its own with AWS's codes. A code
that is missing here is said to be unknown, with the request's id and the host.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import urllib3
from minio.error import InvalidResponseError, S3Error, ServerError


class About(StrEnum):
    """What an error is about, and so whom it concerns."""

    OBJECT = "one object"
    ARCHIVED = "one object in an archive"
    DENIED = "what was asked for"
    BUCKET = "the bucket"
    LOGIN = "the login"
    REGION = "the region"
    CLOCK = "the clock"
    PACE = "how much is asked for"
    STORE = "the store"
    REQUEST = "the request"


@dataclass(frozen=True)
class Meaning:
    """One line of the table.

    Attributes:
        about: What the error is about.
        way_out: What helps.
        source: Where the code was read, see `SOURCES`.
    """

    about: About
    way_out: str
    source: str

    @property
    def is_waited_for(self) -> bool:
        """Whether the same request is sent again after a while, for minutes."""
        return self.about is About.PACE

    @property
    def is_trouble(self) -> bool:
        """Whether neither who asks nor what is asked for is wrong: the same request may be answered later."""
        return self.about in {About.PACE, About.STORE, About.CLOCK}

    @property
    def names_connection(self) -> bool:
        """Whether what helps is said of the login, password or token of a connection."""
        return self.way_out in {_CHECK_LOGIN, _NEW_TOKEN}

    @property
    def is_setting(self) -> bool:
        """Whether somebody has to change something: trying again cannot help."""
        return self.about in {About.BUCKET, About.LOGIN, About.REGION, About.DENIED}


_CHECK_LOGIN = "check the login and password of the connection and the rights of that key"
_NEW_TOKEN = (
    "check the login and password of the connection and its aws_session_token, which has ended or is of another key"  # noqa: S105
)
_KMS = "the login needs kms:Decrypt for the key that encrypts it, and that key must be enabled"
_OUR_FAULT = "report this with the store's name and version"
_SERVER_LOG = "see the store's log"

_OWN_KEY = "it is encrypted with a key that the client must bring (SSE-C), which Shoal cannot: copy it without"

SOURCES = {
    "AWS": "docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, List of error codes",
    "AWS common": "docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html",
    "AWS STS": "docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html, Errors",
    "AWS KMS": "docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html, Errors; S3 passes them on as KMS.…",
    "AWS SDK": "docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html: what its clients take for throttling",
    "MinIO": "github.com/minio/minio, cmd/api-errors.go and cmd/sts-errors.go of 2026-02-12",
    "MinIO before": "the same before 2025, when XMinioParentIsObject went",
    "versitygw": "github.com/versity/versitygw 1.8.0, s3err",
    "Ceph": "github.com/ceph/ceph, src/rgw/rgw_common.cc, rgw_http_s3_errors",
    "Zenko": "github.com/scality/Zenko, docs/docsource/reference/zenko_api_primer/error_messages.rst",
    "Wasabi": "docs.wasabi.com/docs/rest-api-introduction, HTTP Error Codes",
    "Google": "cloud.google.com/storage/docs/xml-api/reference-status",
    "client": "minio-py, api.py: what it makes of an answer without a body; rclone's `serve s3`",
}
"""Where the codes of the table were read; a code of several stands at the first."""

_GROUPS: tuple[tuple[About, str, dict[str, str]], ...] = (
    # One object
    (
        About.OBJECT,
        "it was removed or never written",
        {"AWS": "NoSuchKey NoSuchVersion NoSuchUpload", "client": "NotFound"},
    ),
    (
        About.OBJECT,
        "the key cannot be asked for here: rename the object, or put it into source.ignore",
        {
            "AWS": "KeyTooLongError InvalidURI",
            "Zenko": "KeyTooLong",
            "MinIO": ("XMinioInvalidObjectName XMinioObjectExistsAsDirectory XMinioInvalidUTF"),
            "MinIO before": "XMinioParentIsObject",
            "versitygw": "ExistingObjectIsDirectory DirectoryObjectContainsData ObjectParentIsFile ErrDirectoryNotEmpty",
            "Ceph": "InvalidObjectName",
        },
    ),
    (
        About.OBJECT,
        "the object changed or is damaged in the store: write it again",
        {
            "AWS": "PreconditionFailed NotModified InvalidRange InvalidPartNumber",
            "MinIO": "XMinioObjectTampered XMinioInvalidDecompressedSize ObjectSerializationConflict",
            "Wasabi": "Unrecoverable DataUnrecoverable",
            "Google": "CrcMismatch",
        },
    ),
    (
        About.OBJECT,
        _OWN_KEY,
        {
            "AWS": "InvalidEncryptionAlgorithmError",
            "MinIO": "XMinioEncryptionError",
            "Google": "ResourceIsEncryptedWithCustomerEncryptionKey",
        },
    ),
    (
        About.ARCHIVED,
        "restore it first, or put it into source.ignore",
        {"AWS": "InvalidObjectState RestoreAlreadyInProgress ObjectNotInActiveTierError"},
    ),
    # What was asked for
    (
        About.DENIED,
        _CHECK_LOGIN,
        {
            "AWS": "AccessDenied AllAccessDisabled",
            "MinIO": "UnauthorizedAccess",
            "versitygw": "AccessForbidden XAdminAccessDenied",
        },
    ),
    (
        About.DENIED,
        _KMS,
        {
            "AWS KMS": (
                "KMS.AccessDeniedException KMS.DisabledException KMS.KMSInvalidStateException KMS.NotFoundException "
                "KMS.KeyUnavailableException KMS.InvalidKeyUsageException"
            ),
            "Google": (
                "CloudKmsBadKey CloudKmsDecryptionKeyNotFound CloudKmsDisabledKey CloudKmsEncryptionKeyNotFound "
                "CloudKmsKeyLocationNotAllowed"
            ),
        },
    ),
    (
        About.BUCKET,
        "create it or correct its name in the dataset file",
        {"AWS": "NoSuchBucket InvalidBucketName", "MinIO": "XMinioHealMissingBucket"},
    ),
    (
        About.BUCKET,
        "its owner pays nothing for readers (requester pays): copy it, or ask the owner for access",
        {"AWS": "InvalidPayer", "Google": "UserProjectMissing UserProjectInvalid UserProjectInconsistent"},
    ),
    (
        About.BUCKET,
        "the bucket's quota is used up: free some room or raise it",
        {"Ceph": "QuotaExceeded", "MinIO": "XMinioAdminBucketQuotaExceeded"},
    ),
    (
        About.BUCKET,
        "its state does not allow it: ask the store's owner",
        {"AWS": "InvalidBucketState", "versitygw": "VersioningNotConfigured"},
    ),
    # The login
    (
        About.LOGIN,
        _CHECK_LOGIN,
        {
            "AWS": (
                "InvalidAccessKeyId SignatureDoesNotMatch InvalidSecurity CredentialsNotSupported MissingSecurityHeader "
                "MissingSecurityElement AuthorizationQueryParametersError"
            ),
            "AWS common": "InvalidClientTokenId MissingAuthenticationToken IncompleteSignature",
            "MinIO": "XMinioInvalidIAMCredentials XMinioAdminNoSuchAccessKey AuthorizationParametersError",
        },
    ),
    (
        About.LOGIN,
        _NEW_TOKEN,
        {"AWS": "ExpiredToken InvalidToken TokenRefreshRequired", "MinIO": "InvalidTokenId"},
    ),
    (
        About.LOGIN,
        "the token that the cluster gives the pod has ended or is not accepted: check its issuer and audience there",
        {"AWS STS": "InvalidIdentityToken ExpiredTokenException IDPRejectedClaim"},
    ),
    (
        About.LOGIN,
        "that role is not there, or not for this region: correct role_arn",
        {
            "AWS STS": "RegionDisabledException",
            "Ceph": "NoSuchEntity",
            "MinIO": "InvalidParameterValue",
        },
    ),
    (
        About.LOGIN,
        "the account is closed, locked or not signed up: ask its owner",
        {
            "AWS": "AccountProblem NotSignedUp",
            "AWS common": "OptInRequired",
            "Ceph": "UserSuspended",
            "Wasabi": "AccountNotActivated AuthenticationLockout",
        },
    ),
    (
        About.REGION,
        "set region_name in the connection's extra",
        {
            "AWS": (
                "AuthorizationHeaderMalformed PermanentRedirect IllegalLocationConstraintException InvalidLocationConstraint "
                "EndpointNotFound"
            ),
            "MinIO": "InvalidRegion",
        },
    ),
    (
        About.CLOCK,
        "set both by NTP",
        {"AWS": "RequestTimeTooSkewed", "AWS common": "RequestExpired", "MinIO": "MalformedDate"},
    ),
    # The store
    (
        About.PACE,
        "it answers too many requests at once: use fewer workers, or ask the store's owner for its limit",
        {
            "AWS": "SlowDown ServiceUnavailable",
            "AWS KMS": "KMS.ThrottlingException",
            "AWS SDK": (
                "TooManyRequestsException RequestLimitExceeded Throttling ThrottlingException ThrottledException "
                "RequestThrottled RequestThrottledException BandwidthLimitExceeded"
            ),
            "MinIO": "SlowDownRead SlowDownWrite TooManyRequests ServerBusy",
            "Wasabi": "RequestRateLimitExceeded Unavailable",
        },
    ),
    (
        About.STORE,
        "it is starting: try again in a minute",
        {
            "MinIO": (
                "XMinioServerNotInitialized XMinioIAMNotInitialized XMinioBucketMetadataNotInitialized STSNotInitialized "
                "STSIAMNotInitialized"
            )
        },
    ),
    (
        About.STORE,
        "whoever gives keys could not reach the issuer of the cluster's tokens: try again in a minute",
        {"AWS STS": "IDPCommunicationError"},
    ),
    (About.STORE, "free some room in the store", {"MinIO": "XMinioStorageFull", "versitygw": "InsufficientStorage"}),
    (
        About.STORE,
        _SERVER_LOG,
        {
            "AWS": "InternalError RequestTimeout OperationAborted TemporaryRedirect Redirect",
            "AWS common": "InternalFailure",
            "Zenko": "ServiceFailure",
            "MinIO": "XMinioBackendDown XGCSInternalError ClientDisconnected",
            "Wasabi": "ConnectionClosed",
        },
    ),
    (
        About.STORE,
        "the store has no such operation: see what servers cannot do in docs/production.md",
        {"AWS": "NotImplemented MethodNotAllowed", "MinIO": "XMinioInvalidResource"},
    ),
    (
        About.STORE,
        "something between here and the store changed what was sent: reach it past that proxy",
        {
            "AWS": (
                "BadDigest XAmzContentSHA256Mismatch IncompleteBody MissingContentLength MissingRequestBodyError InvalidDigest "
                "UnexpectedContent InvalidRedirectLocation RequestHeaderSectionTooLarge"
            ),
            "MinIO": "XAmzContentChecksumMismatch EmptyRequestBody ExcessData",
            "versitygw": "InvalidChunkSizeError MalformedTrailerError",
            "Ceph": "WebsiteRedirect",
        },
    ),
    (
        About.STORE,
        "it answers over TLS only: write https:// in the connection",
        {"MinIO": "XMinioInsecureClientRequest InsecureConnection"},
    ),
    (
        About.REQUEST,
        _OUR_FAULT,
        {
            "AWS": (
                "InvalidArgument InvalidRequest MalformedXML EntityTooLarge EntityTooSmall MetadataTooLarge "
                "MaxMessageLengthExceeded InvalidPart InvalidPartOrder InvalidStorageClass InvalidAddressingHeader "
                "BucketNotEmpty BucketAlreadyExists BucketAlreadyOwnedByYou TooManyBuckets"
            ),
            "MinIO": (
                "BadRequest InvalidRequestParameter MissingFields MissingHeaders InvalidPrefixMarker UnsupportedRangeHeader"
            ),
        },
    ),
)

MEANINGS = {
    code: Meaning(about, way_out, source)
    for about, way_out, read_in in _GROUPS
    for source, codes in read_in.items()
    for code in codes.split()
}
"""The table: code to meaning."""

_ERROR_CODE = re.compile(r"<Code>([\w.]+)</Code>")
_REGION = re.compile(r"<Region>([\w-]+)</Region>|expecting (?:'|&#39;|&apos;)([\w-]+)|use region ([\w-]+)")


def meaning_of(code: str | None) -> Meaning | None:
    """Look a code up; those of a key service that are not in the table are about the key."""
    if code is not None and code.startswith("KMS.") and code not in MEANINGS:
        return Meaning(About.DENIED, _KMS, "AWS KMS")
    return MEANINGS.get(code or "")


def clocks_apart(who: str, target: str, meaning: Meaning) -> str:
    """Tell that somebody refuses a request for its time, with what this machine's clock says."""
    return (
        f"{who} refuses what is asked of {target}: its clock and this machine's, which says "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, are too far apart - {meaning.way_out}"
    )


def error_code(err: BaseException) -> str | None:
    """Name the S3 error code of a failed request, None when the server gave none.

    Some servers (`rclone serve s3`) send errors as text/xml, which the client hands over unparsed.
    """
    if isinstance(err, S3Error):
        return err.code
    if isinstance(err, InvalidResponseError):
        return code_in(str(err))
    return None


def code_in(text: str) -> str | None:
    """Find the code in an error's XML."""
    match = _ERROR_CODE.search(text)
    return match[1] if match else None


def answer_of(status: int, headers: Mapping[str, str], body: str) -> BaseException:
    """Write an answer that somebody else got, DuckDB say, as the client would raise it; one to HEAD has no body.

    Args:
        status: HTTP status; 0 where nobody answered.
        headers: Of the answer.
        body: Of the answer, or what is known where there is none.
    """
    if status == 0:
        return urllib3.exceptions.HTTPError(body)
    lowered = {name.lower(): value for name, value in headers.items()}
    code = code_in(body) or lowered.get("x-minio-error-code") or (None if body else _BY_STATUS.get(status))
    if code is None and not body:
        return ServerError(f"HTTP {status} without a reason", status)
    if code is None:
        return InvalidResponseError(status, lowered.get("content-type"), body)
    answer = urllib3.HTTPResponse(body.encode(), headers=lowered, status=status)
    return S3Error(
        response=answer,
        code=code,
        message=None,
        resource=None,
        request_id=lowered.get("x-amz-request-id"),
        host_id=lowered.get("x-amz-id-2"),
    )


_BY_STATUS = {
    301: "PermanentRedirect",
    400: "BadRequest",
    403: "AccessDenied",
    404: "NoSuchKey",
    405: "MethodNotAllowed",
    429: "TooManyRequests",
    501: "NotImplemented",
    503: "SlowDown",
}
"""What an answer without a body says; the client reads it so, too."""


def other_region(err: BaseException, asked: str) -> str | None:
    """Name the region that the store's answer names instead of the one that was asked for; None where it names none."""
    if not isinstance(err, S3Error):
        return None
    named = err.response.headers.get("x-amz-bucket-region") or region_in_words(f"{_body(err)} {err.message or ''}")
    return named if named and named != asked else None


def region_in_words(text: str) -> str | None:
    """Find the region that a refusal of another one names."""
    match = _REGION.search(text)
    return next(filter(None, match.groups()), None) if match else None


def request_id(err: BaseException) -> str:
    """Name the request as the store's owner finds it in the log."""
    return (err.request_id or "") if isinstance(err, S3Error) else ""


def _body(err: S3Error) -> str:
    return bytes(err.response.data or b"").decode(errors="replace")
