"""What every place where workers run has in common."""

from collections.abc import Callable

Step = tuple[str, Callable[[], str]]
"""One thing a check tries: its name, and what says in words that it works; it raises what does not."""
