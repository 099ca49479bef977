"""What rclone says of a store that does not answer as it should, told as errors people can follow."""

import re
from typing import NamedTuple

from shoal.contract.errors import (
    AccessDeniedError,
    ConfigError,
    LoginRefusedError,
    NoAnswerError,
    ShoalError,
    StoreError,
)
from shoal.stores.unresolved import LOOK_AT_DNS


class _Meaning(NamedTuple):
    """What words of rclone's, of Go's or of a store's mean."""

    words: "re.Pattern[str]"
    error: type[ShoalError]
    way_out: str


def _meaning(words: str, error: type[ShoalError], way_out: str) -> _Meaning:
    return _Meaning(re.compile(words, re.IGNORECASE), error, way_out)


_MEANINGS = (
    _meaning(
        r"x509:|certificate",
        ConfigError,
        "name the PEM file of a private authority in ca_file of the connection's extra",
    ),
    _meaning(
        r"\b401\b|unauthori[sz]ed|unable to authenticate|invalid_grant|expired|AuthenticationFailed|login incorrect|"
        r"InvalidAuthenticationToken|invalid credentials",
        LoginRefusedError,
        "the login is refused: correct user, password or token of the connection; one that ended has to be renewed, which "
        "bearer_token_command does by itself",
    ),
    _meaning(
        r"\b403\b|forbidden|permission denied|access denied|AuthorizationPermissionMismatch",
        AccessDeniedError,
        "the login is good and has no right to it: let it list and read there",
    ),
    _meaning(
        r"directory not found|object not found|\b404\b",
        ConfigError,
        "it is not there: correct source.remote_path, or url in the rclone section of the connection",
    ),
    _meaning(
        r"no such host|server misbehaving",
        NoAnswerError,
        f"correct url or host in the rclone section of the connection, or {LOOK_AT_DNS}",
    ),
    _meaning(
        r"connection refused|connection reset|no route to host|timeout|deadline exceeded|network is unreachable|\bEOF\b",
        NoAnswerError,
        "check that the store runs and can be reached from here",
    ),
    _meaning(
        r"\b(?:429|5\d\d)\b|service unavailable|bad gateway|maintenance|too many requests",
        StoreError,
        "the store does not serve it now: look again in a while, or see its log",
    ),
    _meaning(
        r"didn't find|failed to create file system|failed to make fs|couldn't find|unknown|need to set",
        ConfigError,
        "correct the rclone section of the connection",
    ),
)
"""By the first that is said."""

_QUOTED = re.compile(r'"[^"]*"|https?://\S+')
"""An address, which may hold any number and any word."""


def explain(said: str, what: str, login: str) -> ShoalError:
    """Name what stood in the way.

    Args:
        said: The reason in rclone's words, without anything secret.
        what: What was asked for, such as `Folder …`.
        login: Kind of the login.
    """
    asked, bare = f"{what} cannot be read ({login}: {said})", _QUOTED.sub("", said)
    meaning = next((one for one in _MEANINGS if one.words.search(bare)), None)
    if meaning is None:
        return StoreError(f"{asked} - see the store's log")
    return meaning.error(f"{asked} - {meaning.way_out}")
