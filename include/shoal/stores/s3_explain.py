"""One place turns a failed request into the line that people see: what the table says of its code, or what is known of it."""

import re
from http import HTTPStatus

import urllib3
from minio.error import InvalidResponseError, S3Error, ServerError

from shoal.contract.errors import (
    AccessDeniedError,
    ConfigError,
    LoginRefusedError,
    NoAnswerError,
    ShoalError,
    StoreError,
    one_line,
)
from shoal.stores.s3_access import UNREADABLE_ANSWERS, StoreAccess
from shoal.stores.s3_codes import meaning_of
from shoal.stores.s3_errors import clocks_apart, error_code, other_region, request_id
from shoal.stores.s3_meaning import About, Meaning
from shoal.stores.unresolved import LOOK_AT_DNS, is_unresolved

_ASKED_WITHOUT_LOGIN = (
    "it is not open to everyone: give the connection a login and password in place of anonymous: true"
)


def explain(err: BaseException, access: StoreAccess, target: str) -> ShoalError:
    """Turn a failed request into the error to show: a ConfigError where a retry cannot help, else a StoreError.

    Args:
        err: What the client raised.
        access: The store that was asked.
        target: What was asked for, such as `bucket 'fish'`.
    """
    code = error_code(err)
    meaning = meaning_of(code)
    region = other_region(err, access.region)
    if region is not None and (meaning is None or meaning.about in {About.REGION, About.REQUEST, About.STORE}):
        return ConfigError(
            f"{access.endpoint_url} refuses what is asked of {target} in region {access.region!r} ({code}): it is in "
            f"region {region!r} - set region_name to {region!r} in the connection's extra, and the endpoint of that "
            "region where it has one"
        )
    if code and meaning is not None:
        return _explain_known(code, meaning, access, target)
    if isinstance(err, urllib3.exceptions.HTTPError | OSError):
        return _no_answer(access, target, _root_cause(err))
    if code:
        asked = f"request {request_id(err)}" if request_id(err) else "its answer names no request"
        return StoreError(
            f"Request for {target} at {access.endpoint_url} failed: {code}, a code that Shoal does not know "
            f"({asked}) - see the store's log"
        )
    return _explain_unnamed(err, access, target)


def _explain_unnamed(err: BaseException, access: StoreAccess, target: str) -> StoreError:
    """Tell of an answer without a code."""
    if isinstance(err, UNREADABLE_ANSWERS):
        return StoreError(
            f"The answer of {access.endpoint_url} to a request for {target} cannot be read ({type(err).__name__}: "
            f"{one_line(err, 100)}) - it is no S3 server's: see its log, or reach it past the proxy before it"
        )
    status = _status(err)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:  # of a gateway, or of a store that has no words any more
        return _no_answer(access, target, f"HTTP {status} {_phrase(status)}".rstrip())
    return StoreError(
        f"Request for {target} at {access.endpoint_url} failed: {one_line(err, 200)} - see the store's log"
    )


def _explain_known(code: str, meaning: Meaning, access: StoreAccess, target: str) -> ShoalError:
    where = f"{target} at {access.endpoint_url}"
    if code == "NoSuchBucket":
        return ConfigError(f"No {where} - {meaning.way_out}")
    match meaning.about:
        case About.DENIED | About.LOGIN:
            denied = AccessDeniedError if meaning.about is About.DENIED else LoginRefusedError
            return denied(f"Access to {where} denied ({code}) - {_way_out_of_refusal(meaning, access)}")
        case About.CLOCK:
            return StoreError(clocks_apart(access.endpoint_url, target, meaning))
        case About.REGION:
            return ConfigError(f"Region {access.region!r} is not that of {where} ({code}) - {meaning.way_out}")
        case About.PACE:
            return StoreError(f"Request for {where} failed again and again: {code} - {meaning.way_out}")
    kind = ConfigError if meaning.is_setting else StoreError
    return kind(f"Request for {where} failed: {code} - {meaning.way_out}")


def _way_out_of_refusal(meaning: Meaning, access: StoreAccess) -> str:
    """Tell what helps where a login is refused: by an identity no connection holds a login, password or token."""
    if access.login == "anonymous":
        return _ASKED_WITHOUT_LOGIN
    if meaning.names_connection and access.key_of:
        return f"it was asked with the {access.login}, which does what that run does"
    if meaning.names_connection and (access.identity or access.role_arn):
        return f"check the rights of what the key was given for ({access.role_arn or access.login})"
    return meaning.way_out


def _no_answer(access: StoreAccess, target: str, why: str) -> NoAnswerError:
    way_out = LOOK_AT_DNS if is_unresolved(why) else "check that the store runs"
    return NoAnswerError(
        f"No answer from {access.endpoint_url} for {target} ({why}) - {way_out} and the endpoint of the connection"
    )


def _status(err: BaseException) -> int:
    """Tell the HTTP status of an answer that is no S3 error; 0 where there is none."""
    if isinstance(err, ServerError):
        return int(err.status_code)
    if isinstance(err, S3Error):
        return int(err.response.status)
    found = re.search(r"Response code: (\d{3})", str(err)) if isinstance(err, InvalidResponseError) else None
    return int(found[1]) if found else 0


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _root_cause(err: BaseException) -> str:
    """Name the innermost reason of urllib3's nested errors."""
    reason = getattr(err, "reason", None)
    while isinstance(reason, BaseException):
        err, reason = reason, getattr(reason, "reason", None)
    return f"{type(err).__name__}: {err}".replace("\n", " ")[:160]
