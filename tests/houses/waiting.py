"""One way to wait in tests: ask again and again, and say what did not come."""

import time
from collections.abc import Callable
from typing import Any

REACHED_S = 30.0


def wait_until(
    reached: Callable[[], Any],
    within_s: float = REACHED_S,
    what: "str | Callable[[], str]" = "it",
    *,
    pause_s: float = 0.2,
) -> Any:
    """Ask until the answer is true; return it.

    Args:
        reached: Gives something true once it has come.
        within_s: Longest wait in seconds.
        what: What is waited for, or what tells of it when it did not come.
        pause_s: Seconds between two questions: a server that works meanwhile has better to do than to answer.
    """
    deadline = time.monotonic() + within_s
    while not (found := reached()):
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {what if isinstance(what, str) else what()}"
        time.sleep(pause_s)
    return found
