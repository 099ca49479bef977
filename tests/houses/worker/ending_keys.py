"""A real store whose temporary keys end after seconds: a token service gives them for a quarter of an hour at least."""

import re
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler

from worker.http_faults import connector, passed_on, status, whole

GRACE_S = 1.0
"""A key is told to end in a whole second, and lasts a little longer: requests on their way are let in."""


class EndingKeys:
    """Lets a real store answer, and refuses a token that it gave too long ago, and whoever has none.

    Args:
        endpoint_url: The real store, which gives the keys, too.
        ca_file: Who signed its certificate.
        seconds: So long a key is good: when a request is signed, however long its way takes here.
    """

    def __init__(self, endpoint_url: str, ca_file: str, seconds: float) -> None:
        self._pass_on = passed_on(endpoint_url, ca_file=ca_file)
        self._connect = connector(endpoint_url, ca_file)
        self._seconds = seconds
        self.given: dict[str, float] = {}
        self.refused = 0
        self.pause_s = 0.0

    def answer(self, handler: BaseHTTPRequestHandler, number: int) -> None:
        """Answer one request, after `pause_s`; see `Answer`."""
        token = handler.headers.get("X-Amz-Security-Token")
        time.sleep(self.pause_s)
        if handler.command == "POST" and b"Action=AssumeRole" in handler.body:
            self._give(handler, number)
        elif token is None:
            status(403, "AccessDenied")(handler, number)
        elif _signed_at(handler) > self.given[token] + self._seconds + GRACE_S:
            self.refused += 1
            status(400, "ExpiredToken")(handler, number)
        else:
            self._pass_on(handler, number)

    def _give(self, handler: BaseHTTPRequestHandler, number: int) -> None:
        server = self._connect()
        server.request(handler.command, handler.path, handler.body, dict(handler.headers))
        told = server.getresponse().read().decode()
        server.close()
        end = datetime.now(UTC) + timedelta(seconds=self._seconds)
        told = re.sub(r"<Expiration>[^<]+", f"<Expiration>{end:%Y-%m-%dT%H:%M:%SZ}", told)
        self.given[re.search("<SessionToken>([^<]+)", told)[1]] = time.monotonic()
        whole(told.encode())(handler, number)


def _signed_at(handler: BaseHTTPRequestHandler) -> float:
    """Tell when a request was signed, on the monotonic clock."""
    signed = datetime.strptime(handler.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return time.monotonic() - (datetime.now(UTC) - signed).total_seconds()
