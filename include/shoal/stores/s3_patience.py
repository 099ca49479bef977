"""How often a request is sent again: a store that asks for fewer requests is given minutes, any other trouble seconds.

Minutes are for a store. One object of many, refused again and again while the others are given, is given up sooner: it holds one
of the worker's reads at once, and the next attempt asks for it anew.
"""

import logging
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Any, Self

import urllib3

from shoal.stores.retry_after import asked_pause_s
from shoal.stores.s3_codes import meaning_of
from shoal.stores.s3_errors import code_in

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

log = logging.getLogger(__name__)

PATIENCE_S = 120.0
"""So long a store may ask for fewer requests; `SHOAL_STORE_PATIENCE_S` changes it."""

PATIENCE_VARIABLE = "SHOAL_STORE_PATIENCE_S"

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 20.0
"""Each pause is twice the one before, and a random half of it: many clients must not come back at once."""

SAID_EVERY_S = 60.0
"""A store asks many threads for fewer requests; the log says it once in this time."""

MOST_ALONE = 7
"""Refusals in a row, half a minute of pauses, after which one object of many is given up where others are given."""

OTHERS_GIVEN, PER_REFUSED = 8, 8
"""So many others must have been given meanwhile, and so many for each other one that was refused. A store that refuses every
ninth request at random refuses one seven times in a row once in five million."""

_last_said = [float("-inf")]


@dataclass
class Others:
    """What became of all requests of one client for one object of many; counted without a lock, a few more or less are no matter.

    Attributes:
        given: How many were given.
        refused: How many were refused for the pace, each counted once.
    """

    given: int = 0
    refused: int = 0

    def are_given_since(self, before: "Others") -> bool:
        """Whether it is one object that the store does not give, and not the pace that it does not keep up with."""
        given, refused = self.given - before.given, self.refused - before.refused
        return given >= max(OTHERS_GIVEN, PER_REFUSED * refused)


class Patience(urllib3.Retry):
    """Sends a request again while the store says that it is asked for too much; hands over its last answer.

    Immutable as its parent: each answer makes another one, which knows the answers before by `history`.
    """

    others: Others | None = None
    before = Others()
    """What had become of the others when it was refused first."""

    @classmethod
    def of_a_request(cls, others: Others | None = None) -> "Patience":
        """Make what a request begins with.

        Args:
            others: Where it is for one object of many, what became of the others; None for all else.
        """
        made = cls(total=4, backoff_factor=0.3, status_forcelist=(500, 502, 503, 504), raise_on_status=False)
        made.others = others
        return made

    def new(self, **changed: Any) -> Self:
        """Make the next one, see the parent."""
        made = super().new(**changed)
        made.others = self.others
        made.before = self.before
        return made

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        """Tell whether it may have to be sent again: of a refusal `increment` judges, which sees its code."""
        if self.others is not None and status_code < HTTPStatus.MULTIPLE_CHOICES:
            self.others.given += 1
        return status_code >= HTTPStatus.BAD_REQUEST or super().is_retry(method, status_code, has_retry_after)

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: "BaseHTTPResponse | None" = None,
        error: Exception | None = None,
        *rest: Any,
        **named: Any,
    ) -> Self:
        """Count an answer; one about the pace costs time only, whatever its status: it was not done, a POST included.

        Raises:
            MaxRetryError: It was sent often enough, or the answer is final: it is handed over.
        """
        if response is None or response.status < HTTPStatus.BAD_REQUEST:
            return super().increment(method, url, response, error, *rest, **named)
        code = code_in(_text(response)) or f"HTTP {response.status}"
        meaning = meaning_of(code)
        if response.status != HTTPStatus.TOO_MANY_REQUESTS and (meaning is None or not meaning.is_waited_for):
            if not super().is_retry(method or "", response.status, "Retry-After" in response.headers):
                raise urllib3.exceptions.MaxRetryError(named.get("_pool"), url or "", error)  # type: ignore[arg-type]
            return super().increment(method, url, response, error, *rest, **named)
        if self._waited_s(self._paces()) >= patience_s() or self._is_refused_alone():
            raise urllib3.exceptions.MaxRetryError(named.get("_pool"), url or "", error)  # type: ignore[arg-type]
        _say(code, url or "")
        seen = urllib3.util.retry.RequestHistory(method, url, None, response.status, _PACE)
        following = self.new(history=(*self.history, seen))
        if self.others is not None and self._paces() == 0:
            self.others.refused += 1
            following.before = replace(self.others)
        return following

    def sleep(self, response: "BaseHTTPResponse | None" = None) -> None:
        """Wait before the next time: as the store asks, within bounds."""
        if not self.history or self.history[-1].redirect_location != _PACE:
            self._sleep_backoff()
            return
        pause_s = _pause_s(self._paces() - 1)
        asked_s = asked_pause_s(self, response)
        time.sleep(min(max(pause_s * random.uniform(0.5, 1.0), asked_s), LONGEST_PAUSE_S))  # noqa: S311 - no secret

    def _is_refused_alone(self) -> bool:
        return self.others is not None and self._paces() >= MOST_ALONE - 1 and self.others.are_given_since(self.before)

    def _paces(self) -> int:
        return sum(entry.redirect_location == _PACE for entry in self.history)

    @staticmethod
    def _waited_s(times: int) -> float:
        return sum(_pause_s(number) for number in range(times))


_PACE = "asked for too much"
"""Marks such an answer in `history`, in a field that only redirects use."""


def patience_s() -> float:
    """Tell how long a store may ask for fewer requests, in seconds."""
    try:
        return float(os.environ[PATIENCE_VARIABLE])
    except (KeyError, ValueError):
        return PATIENCE_S


def pace_pauses_s() -> Iterator[float]:
    """Give the pauses, in seconds, between repetitions of what an answer to a whole request refuses in part."""
    waited_s = 0.0
    for number in count():
        if waited_s >= patience_s():
            return
        pause_s = _pause_s(number)
        waited_s += pause_s
        yield pause_s * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def said_patience() -> dict[str, str]:
    """Write what our own environment says of it for a worker's: a pod inherits nothing of ours."""
    said = os.environ.get(PATIENCE_VARIABLE)
    return {} if said is None else {PATIENCE_VARIABLE: said}


def _pause_s(number: int) -> float:
    return float(min(FIRST_PAUSE_S * 2 ** min(number, 10), LONGEST_PAUSE_S))


def _text(response: "BaseHTTPResponse") -> str:
    """Read an answer's body, which stays readable."""
    try:
        response.read(cache_content=True)
    except (urllib3.exceptions.HTTPError, OSError):
        return ""
    return bytes(response.data or b"").decode(errors="replace")


def _say(code: str, url: str) -> None:
    now = time.monotonic()
    if now - _last_said[0] >= SAID_EVERY_S:
        _last_said[0] = now
        log.warning("The store asks for fewer requests (%s at %s): waiting up to %.0f s", code, url[:80], patience_s())
