"""Keys that end: fetched from a security token service or from the machine, and anew long before their end.

All four who read a bucket fetch for themselves, so that none of them depends on a key that somebody else fetched hours ago.
"""

import logging
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import urllib3
from minio.credentials.credentials import Credentials
from minio.credentials.providers import AssumeRoleProvider, IamAwsProvider, Provider, WebIdentityProvider

from shoal.contract.errors import ConfigError, LoginRefusedError, NoAnswerError, ShoalError, StoreError, one_line
from shoal.stores.s3_token_service import MACHINE, NO_KEYS, WEB_IDENTITY, KeyPool

if TYPE_CHECKING:
    from shoal.stores.s3_access import StoreAccess

log = logging.getLogger(__name__)

TOKEN_FILE = "AWS_WEB_IDENTITY_TOKEN_FILE"  # noqa: S105 - the name of a variable
"""Where a pod finds that file; whoever gives pods an identity sets it, `AWS_ROLE_ARN` too."""

LET_IN: set["StoreAccess"] = set()
"""Logins that a store has let in since this process began: all buckets of a connection know of it."""

DEFAULT_REGION = "us-east-1"
"""What is asked where nobody wrote down a region: stores without regions take it, others name theirs."""

AFTER_A_FAILURE = timedelta(seconds=30)
"""A key that could not be renewed and has not ended is used on; so long nobody asks again."""


class Renewed(Provider):
    """Hands out one key, and another one when half of its time has gone; thread-safe.

    Half, since a query that begins with a key has to end with it.

    Args:
        fetch: Asks for a key.
    """

    def __init__(self, fetch: Callable[[], Credentials]) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._key: Credentials | None = None
        self._renew_at: datetime | None = None

    def retrieve(self) -> Credentials:
        """Hand out a key.

        Raises:
            ConfigError: There is no right to one.
            StoreError: Whoever gives them does not answer.
        """
        renew_at, key, now = self._renew_at, self._key, datetime.now(UTC)  # what is written last is read first
        if key is not None and (renew_at is None or now < renew_at):
            return key
        if key is None or now >= _end_of(key, now):
            self._lock.acquire()
        elif not self._lock.acquire(blocking=False):
            return key  # it is good, and somebody else is asking for the next one
        try:
            held = self._key
            if held is None or (held is key and self._renew_at is renew_at):  # else somebody else asked just now
                held = self._renewed(datetime.now(UTC))
            return held
        finally:
            self._lock.release()

    def _renewed(self, now: datetime) -> Credentials:
        try:
            key = self._fetch()
        except ShoalError as err:
            if self._key is None or _end_of(self._key, now) <= now:
                raise
            log.warning("The key was not renewed and is used until %s UTC: %s", self._key.expiration, err)
            self._renew_at = min(now + AFTER_A_FAILURE, _end_of(self._key, now))
            return self._key
        self._key = key
        self._renew_at = None if key.expiration is None else now + (_end_of(key, now) - now) / 2
        return key


def provider_of(access: "StoreAccess") -> Provider | None:
    """Tell who gives the keys of an access; None where its own are used, or none."""
    return Renewed(lambda: fetch_key(access)) if access.identity or access.role_arn else None


def fetch_key(access: "StoreAccess", policy: str = "", seconds: int = 0) -> Credentials:
    """Ask for a key that ends.

    Args:
        access: Who asks.
        policy: What the key may do of what its asker, a key, may; empty for all of it.
        seconds: How long it is to last; 0 leaves that to whoever gives it.

    Raises:
        ConfigError: There is no right to one, or no token to ask with.
        NoAnswerError: Whoever gives them does not answer.
        StoreError: Whoever gives them is in trouble.
    """
    who = access.sts_url or "the metadata service of this machine"
    # No cause is kept: the address of such a request holds the token.
    try:
        return _provider(access, policy, seconds).retrieve()
    except (urllib3.exceptions.HTTPError, OSError) as err:
        reason = type(getattr(err, "reason", None) or err).__name__
        raise NoAnswerError(
            f"No answer from {who} for a key ({reason}) - check that it can be reached from here"
        ) from None
    except ShoalError as err:
        raise told_as_ended(err, access) from None
    except (ValueError, KeyError, SyntaxError):
        way_out = "check service_config.sts.endpoint_url" if access.role_arn or access.identity else NO_KEYS
        raise StoreError(f"The answer of {who} holds no key - {way_out}") from None


def told_as_ended(problem: ShoalError, access: "StoreAccess") -> ShoalError:
    """Judge a refusal: a login that was good and is refused now has ended, and the next attempt brings a new one."""
    if isinstance(problem, LoginRefusedError):
        if access.key_of:
            return StoreError(f"{problem}; the next attempt gets another one")
        if access in LET_IN:
            return StoreError(f"{problem}; it was good until now")
    return problem


def web_identity_file(access: "StoreAccess") -> Path:
    """Find the file with the token of this pod.

    Raises:
        ConfigError: Nobody says where it is.
    """
    path = access.token_file or os.environ.get(TOKEN_FILE, "")
    if not path:
        raise ConfigError(
            f"Web identity needs the environment variable {TOKEN_FILE} and it is not set here - let the pod run as a service "
            "account that has the role (of workers: cluster.pod.template.spec.serviceAccountName)"
        )
    return Path(path)


def _provider(access: "StoreAccess", policy: str, seconds: int) -> Provider:
    pool = KeyPool(access, hurried=bool(policy))
    if access.identity == MACHINE:
        return IamAwsProvider(region=access.region or DEFAULT_REGION, http_client=pool)
    if access.identity == WEB_IDENTITY:
        token = _read_token(web_identity_file(access))
        return WebIdentityProvider(
            jwt_provider_func=lambda: {"access_token": token},
            sts_endpoint=access.sts_url,
            role_arn=access.role_arn or os.environ.get("AWS_ROLE_ARN") or None,
            role_session_name="shoal",
            http_client=pool,
        )
    return AssumeRoleProvider(
        sts_endpoint=access.sts_url,
        access_key=access.access_key,
        secret_key=access.secret_key,
        region=access.region or DEFAULT_REGION,
        role_arn=access.role_arn or None,
        role_session_name="shoal",
        external_id=access.role_external_id or None,
        duration_seconds=seconds,
        policy=policy or None,
        http_client=pool,
    )


def _read_token(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as err:
        raise ConfigError(
            f"The token of web identity cannot be read from {path}: {one_line(getattr(err, 'strerror', err))} - correct "
            f"{TOKEN_FILE}, or the connection's assume_role_with_web_identity_token_file"
        ) from err


def _end_of(key: Credentials, now: datetime) -> datetime:
    return now + timedelta(days=1) if key.expiration is None else key.expiration.replace(tzinfo=UTC)
