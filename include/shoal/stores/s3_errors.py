"""What an S3 server's error codes mean: what each is about, whether it passes, and the way out.

Codes of AWS ("List of error codes" of its API reference), MinIO (cmd/api-errors.go), versitygw (s3err), Ceph and Wasabi. A
code that is missing here is said to be unknown, with the request's id.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
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
    """

    about: About
    way_out: str

    @property
    def is_waited_for(self) -> bool:
        """Whether the same request is sent again after a while, for minutes."""
        return self.about is About.PACE

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

_GROUPS: tuple[tuple[About, str, str], ...] = (
    # One object
    (About.OBJECT, "it was removed or never written", "NoSuchKey NoSuchVersion NotFound NoSuchUpload"),
    (
        About.OBJECT,
        "the key cannot be asked for here: rename the object, or put it into source.ignore",
        (
            "KeyTooLongError InvalidURI XMinioInvalidObjectName XMinioObjectExistsAsDirectory XMinioParentIsObject "
            "ObjectParentIsFile ExistingObjectIsDirectory DirectoryObjectContainsData ErrDirectoryNotEmpty XMinioInvalidUTF"
        ),
    ),
    (
        About.OBJECT,
        "the object changed or is damaged in the store: write it again",
        (
            "PreconditionFailed NotModified InvalidRange InvalidPartNumber XMinioObjectTampered XMinioInvalidDecompressedSize "
            "ObjectSerializationConflict"
        ),
    ),
    (
        About.OBJECT,
        "it is encrypted with a key that the client must bring (SSE-C), which Shoal cannot: copy it without",
        "InvalidEncryptionAlgorithmError XMinioEncryptionError SSECustomerKeyMissing",
    ),
    (
        About.ARCHIVED,
        "restore it first, or put it into source.ignore",
        "InvalidObjectState RestoreAlreadyInProgress ObjectNotInActiveTierError",
    ),
    # What was asked for
    (
        About.DENIED,
        _CHECK_LOGIN,
        "AccessDenied AccessForbidden AllAccessDisabled UnauthorizedAccess XAdminAccessDenied",
    ),
    (
        About.DENIED,
        _KMS,
        (
            "KMS.AccessDeniedException KMS.DisabledException KMS.InvalidStateException KMS.KMSInvalidStateException "
            "KMS.NotFoundException KMS.KeyUnavailableException KMS.InvalidKeyUsageException KMS.UnsupportedOperationException"
        ),
    ),
    (
        About.BUCKET,
        "create it or correct its name in the dataset file",
        "NoSuchBucket InvalidBucketName XMinioHealMissingBucket",
    ),
    (
        About.BUCKET,
        "its owner pays nothing for readers (requester pays): copy it, or ask the owner for access",
        "InvalidPayer RequesterPaysNotSupported",
    ),
    (
        About.BUCKET,
        "the bucket's quota is used up: free some room or raise it",
        "QuotaExceeded XMinioAdminBucketQuotaExceeded",
    ),
    (About.BUCKET, "its state does not allow it: ask the store's owner", "InvalidBucketState VersioningNotConfigured"),
    # The login
    (
        About.LOGIN,
        _CHECK_LOGIN,
        (
            "InvalidAccessKeyId SignatureDoesNotMatch InvalidSecurity CredentialsNotSupported MissingSecurityHeader "
            "MissingSecurityElement XMinioInvalidIAMCredentials XMinioAdminNoSuchAccessKey AuthorizationParametersError "
            "AuthorizationQueryParametersError"
        ),
    ),
    (About.LOGIN, _NEW_TOKEN, "ExpiredToken InvalidToken InvalidTokenId TokenRefreshRequired"),
    (
        About.LOGIN,
        "the account is closed or not signed up: ask its owner",
        "AccountProblem NotSignedUp UserSuspended InactiveAccount",
    ),
    (
        About.REGION,
        "set region_name in the connection's extra",
        (
            "AuthorizationHeaderMalformed PermanentRedirect IllegalLocationConstraintException InvalidRegion "
            "InvalidLocationConstraint IncorrectEndpoint"
        ),
    ),
    (About.CLOCK, "set both by NTP", "RequestTimeTooSkewed RequestExpired MalformedDate"),
    # The store
    (
        About.PACE,
        "it answers too many requests at once: use fewer workers, or ask the store's owner for its limit",
        (
            "SlowDown SlowDownRead SlowDownWrite ServiceUnavailable ServerBusy Busy TooManyRequests TooManyRequestsException "
            "RequestLimitExceeded Throttling ThrottlingException RequestThrottled BandwidthLimitExceeded "
            "KMS.ThrottlingException"
        ),
    ),
    (
        About.STORE,
        "it is starting: try again in a minute",
        "XMinioServerNotInitialized XMinioIAMNotInitialized XMinioBucketMetadataNotInitialized",
    ),
    (
        About.STORE,
        "free some room in the store",
        "XMinioStorageFull InsufficientStorage",
    ),
    (
        About.STORE,
        _SERVER_LOG,
        (
            "InternalError XMinioBackendDown XGCSInternalError RequestTimeout OperationAborted TemporaryRedirect Redirect "
            "ClientDisconnected OperationTimedOut"
        ),
    ),
    (
        About.STORE,
        "the store has no such operation: see what servers cannot do in docs/production.md",
        "NotImplemented MethodNotAllowed XMinioInvalidResource UnsupportedOperation",
    ),
    (
        About.STORE,
        "something between here and the store changed what was sent: reach it past that proxy",
        (
            "BadDigest XAmzContentSHA256Mismatch XAmzContentChecksumMismatch IncompleteBody MissingContentLength "
            "MissingRequestBodyError EmptyRequestBody InvalidDigest ExcessData UnexpectedContent InvalidChunkSizeError "
            "MalformedTrailerError RequestHeaderSectionTooLarge WebsiteRedirect InvalidRedirectLocation"
        ),
    ),
    (
        About.STORE,
        "it answers over TLS only: write https:// in the connection",
        "XMinioInsecureClientRequest InsecureTransport",
    ),
    (
        About.REQUEST,
        _OUR_FAULT,
        (
            "BadRequest InvalidArgument InvalidRequest InvalidRequestParameter MissingFields MissingHeaders MalformedXML "
            "EntityTooLarge EntityTooSmall MetadataTooLarge MaxMessageLengthExceeded InvalidPart InvalidPartOrder "
            "InvalidStorageClass InvalidAddressingHeader InvalidPrefixMarker UnsupportedRangeHeader BucketNotEmpty "
            "BucketAlreadyExists BucketAlreadyOwnedByYou TooManyBuckets"
        ),
    ),
)

MEANINGS = {code: Meaning(about, way_out) for about, way_out, codes in _GROUPS for code in codes.split()}
"""The table: code to meaning."""

_ERROR_CODE = re.compile(r"<Code>([\w.]+)</Code>")
_REGION = re.compile(r"<Region>([\w-]+)</Region>|expecting (?:'|&#39;|&apos;)([\w-]+)|use region ([\w-]+)")


def meaning_of(code: str | None) -> Meaning | None:
    """Look a code up; those of a key service that are not in the table are about the key."""
    if code is not None and code.startswith("KMS.") and code not in MEANINGS:
        return Meaning(About.DENIED, _KMS)
    return MEANINGS.get(code or "")


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
    named = err.response.headers.get("x-amz-bucket-region")
    if not named:
        match = _REGION.search(f"{_body(err)} {err.message or ''}")
        named = next(filter(None, match.groups()), None) if match else None
    return named if named and named != asked else None


def request_id(err: BaseException) -> str:
    """Name the request as the store's owner finds it in the log."""
    return (err.request_id or "") if isinstance(err, S3Error) else ""


def _body(err: S3Error) -> str:
    return bytes(err.response.data or b"").decode(errors="replace")
