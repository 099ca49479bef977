"""What a store answered to a request that failed: its code, its region, its request, and whose clock is wrong.

What a code means stands in `s3_codes`; one that is missing there is said to be unknown, with the request's id and the host.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import urllib3
from minio.error import InvalidResponseError, S3Error, ServerError

from shoal.stores.s3_meaning import Meaning

_ERROR_CODE = re.compile(r"<Code>([\w.]+)</Code>")
_REGION = re.compile(r"<Region>([\w-]+)</Region>|expecting (?:'|&#39;|&apos;)([\w-]+)|use region ([\w-]+)")


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
