"""A key of one run's own: made by a token service, for what that run reads and writes, and for as long as an attempt may take."""

from dataclasses import replace
from datetime import timedelta

from shoal.contract.errors import NoRunKeyError
from shoal.contract.run_rights import Rights
from shoal.stores.run_keys_wanted import UNWANTED
from shoal.stores.s3_access import OF_A_RUN, StoreAccess, is_amazon
from shoal.stores.s3_login import fetch_key
from shoal.stores.s3_policy import session_policy
from shoal.stores.s3_token_service import WEB_IDENTITY

MOST_S = 365 * 86400
"""The longest that MinIO's keys last."""

ROLE_S = 3600
"""How long a role's keys last where nobody says how long they may."""


def fetch_run_key(access: StoreAccess, bucket: str, rights: Rights, least: timedelta, wanted: timedelta) -> StoreAccess:
    """Ask for a key that may do so much and no more.

    Args:
        access: The store and the right to use it, its region known.
        bucket: Name of the bucket.
        rights: What may be done there.
        least: What a worker may take from its own start on.
        wanted: What an attempt may take with all waiting.

    Returns:
        The same store by that key.

    Raises:
        NoRunKeyError: There is none to be had; the message says why.
        ShoalError: Whoever gives keys refuses, or does not answer.
    """
    most_s, least_s = _most_s(access), least.total_seconds()
    if most_s < least_s and access.role_arn:
        raise NoRunKeyError(
            f"a key of its role lasts {most_s:.0f} s and a worker may take {least_s:.0f} s - write DurationSeconds into "
            "assume_role_kwargs, and let the role have a MaxSessionDuration of as many"
        )
    if most_s < least_s:
        raise NoRunKeyError(
            f"a key lasts {most_s / 86400:.0f} days at most and a worker may take {least_s / 86400:.0f} - shorten run.budget"
        )
    seconds = min(wanted.total_seconds(), most_s)
    policy = session_policy(bucket, rights, access.region, amazon=is_amazon(access.host))
    asked = replace(access, sts_url=access.sts_url or access.endpoint_url)
    key = fetch_key(asked, policy, int(seconds))
    return replace(
        access,
        access_key=key.access_key,
        secret_key=key.secret_key,
        session_token=key.session_token or "",
        role_arn="",
        role_external_id="",
        sts_url="",
        token_file="",
        ends_at="" if key.expiration is None else f"{key.expiration:%Y-%m-%dT%H:%M:%SZ}",
        key_of=OF_A_RUN,
    )


def _most_s(access: StoreAccess) -> float:
    """Tell how long a key may last.

    Raises:
        NoRunKeyError: There is none to be had, whatever the token service says.
    """
    if access.run_keys == UNWANTED:
        raise NoRunKeyError("the connection says run_keys: false")
    if access.login == "anonymous":
        raise NoRunKeyError("the connection has no login that a key could be made of")
    if access.identity == WEB_IDENTITY:
        raise NoRunKeyError("pods log in by web identity, as who the cluster says they are")
    if access.session_token or access.identity:
        raise NoRunKeyError(f"the connection's own key ends ({access.login}), and of such none is made")
    if access.role_arn:
        return access.role_s or ROLE_S
    if is_amazon(access.host):
        raise NoRunKeyError("Amazon makes keys with fewer rights of a role - give the connection role_arn")
    return MOST_S
