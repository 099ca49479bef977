"""How often a request to the API server is sent again: one that is asked for too much is given a minute, silence seconds.

Whatever is sent may be sent twice: what is created has a name of its own, and a name that is taken is looked at.
"""

import logging
import random
import ssl
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self, TypeVar

import urllib3
from kubernetes.client import ApiClient
from urllib3.util.ssl_match_hostname import CertificateError

from shoal.stores.retry_after import asked_pause_s

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

log = logging.getLogger(__name__)

PATIENCE_S = 60.0
"""So long a server may refuse a request for a reason that passes: too many requests, no leader of etcd, a start."""

SILENCE_S = 3.0
"""So long nobody may answer at all: a wrong address is to be told soon, and a task has attempts for what lasts."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
"""Each pause is twice the one before, and a random half of it: many clients must not come back at once."""

LONGEST_ASKED_S = 30.0
"""A server that asks for a longer pause gets this one."""

REQUEST_S = 60.0
"""Longest time without an answer to one request, in seconds, where nobody says otherwise."""

_PASSES = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}

Client = TypeVar("Client", bound=ApiClient)


class ApiPatience(urllib3.Retry):
    """Sends a request again while the API server has too much to do or does not answer; hands over its last answer.

    Immutable as its parent: each answer makes another one, which knows when the first of them came.
    """

    def __init__(
        self,
        total: int | bool | None = None,
        *,
        since_s: float | None = None,
        silent_since_s: float | None = None,
        **rest: Any,
    ) -> None:
        """Make what a request begins with.

        Args:
            total: How many times at most; None for as often as there is time.
            since_s: When it was first to be sent again, seconds of this process's clock.
            silent_since_s: Since when nobody answers at all; None after an answer.
            rest: What urllib3 counts besides.
        """
        super().__init__(total, **{"allowed_methods": None, "raise_on_status": False, **rest})
        self.since_s, self.silent_since_s = since_s, silent_since_s

    def new(self, **named: Any) -> Self:
        """Make the next one."""
        times = {"since_s": self.since_s, "silent_since_s": self.silent_since_s}
        return super().new(**{**times, **named})

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:  # noqa: ARG002
        """Tell whether there may be another answer later."""
        return status_code in _PASSES

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: "BaseHTTPResponse | None" = None,
        error: Exception | None = None,
        *rest: Any,
        **named: Any,
    ) -> Self:
        """Count an answer, or none.

        Raises:
            MaxRetryError: It was sent for long enough, or no time helps; the last answer is handed over.
        """
        now_s = time.monotonic()
        since_s = now_s if self.since_s is None else self.since_s
        silent_since_s = None if response else now_s if self.silent_since_s is None else self.silent_since_s
        is_silent = silent_since_s is not None and now_s - silent_since_s >= SILENCE_S
        is_over = is_silent or now_s - since_s >= PATIENCE_S
        if is_over or _is_final(error):
            raise urllib3.exceptions.MaxRetryError(named.get("_pool"), url or "", error) from error  # type: ignore[arg-type]
        if self.since_s is None:
            why = f"HTTP {response.status}" if response else type(error).__name__
            log.info("The API server is asked again: %s", why)
        counted = super().increment(method, url, response, error, *rest, **named)
        return counted.new(since_s=since_s, silent_since_s=silent_since_s)

    def sleep(self, response: "BaseHTTPResponse | None" = None) -> None:
        """Wait before the next time: as the server asks, within bounds."""
        pause_s = min(FIRST_PAUSE_S * 2 ** min(len(self.history) - 1, 10), LONGEST_PAUSE_S)
        asked_s = asked_pause_s(self, response)
        time.sleep(max(min(asked_s, LONGEST_ASKED_S), pause_s * random.uniform(0.5, 1.0)))  # noqa: S311 - no secret


def _is_final(error: Exception | None) -> bool:
    """Tell what is not asked again: a certificate that is refused stays so, and a server that holds the line had its minute."""
    if isinstance(error, urllib3.exceptions.SSLError):
        refused = (ssl.SSLCertVerificationError, CertificateError)
        return any(isinstance(cause, refused) for cause in error.args)
    # A connection that is refused at once is of the same family there.
    return isinstance(error, urllib3.exceptions.TimeoutError) and not isinstance(
        error, urllib3.exceptions.NewConnectionError
    )


def patient(api_client: Client) -> Client:
    """Let a client that has sent nothing yet send its requests again; return it."""
    api_client.rest_client.pool_manager.connection_pool_kw["retries"] = ApiPatience()
    return api_client


class BoundedClient(ApiClient):  # type: ignore[misc]  # the client has no types
    """A client none of whose requests waits for ever, as its parent's do for a server that holds the line and says nothing."""

    def call_api(self, *args: Any, **named: Any) -> Any:
        """Send a request."""
        if named.get("_request_timeout") is None:
            named["_request_timeout"] = REQUEST_S
        return super().call_api(*args, **named)
