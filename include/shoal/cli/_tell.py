"""What commands say to a person: nothing that a terminal would take for an order, and commands as they are typed here."""

import sys

from shoal.cli._typed_here import as_typed
from shoal.contract.errors import shown_lines


def tell(*lines: str, aside: bool = False, as_written: bool = False) -> None:
    """Print lines as people see them whole; names come from whoever may write a bucket.

    Args:
        lines: Each may be several.
        aside: On standard error, beside what the command is asked for.
        as_written: Commands in them are for readers elsewhere, and stay as they are.
    """
    for line in lines:
        text = shown_lines(line)
        print(text if as_written else as_typed(text), file=sys.stderr if aside else sys.stdout, flush=True)
