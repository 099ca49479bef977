"""The worker's log: one line an entry, and nothing in it that a terminal would take for an order."""

import logging
import sys

from shoal.contract.errors import shown, shown_lines


class ShownFormatter(logging.Formatter):
    """Escapes what prints nothing; the lines of a traceback stay lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Write the entry without its traceback."""
        return shown(super().formatMessage(record))

    def formatException(self, ei: object) -> str:  # noqa: N802
        """Write a traceback, whose last line may hold a name."""
        return shown_lines(super().formatException(ei))  # type: ignore[arg-type]  # as logging hands it on


def log_to_stderr() -> None:
    """Log everything from INFO on to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ShownFormatter("%(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
