"""What commands say to a person: nothing that a terminal would take for an order, and commands as they are typed here."""

import sys

from shoal.cli._typed_here import as_typed
from shoal.contract.errors import shown_lines


def tell(*lines: str, aside: bool = False) -> None:
    """Print lines as people see them whole; names come from whoever may write a bucket.

    Args:
        lines: Each may be several.
        aside: On standard error, beside what the command is asked for.
    """
    for line in lines:
        print(as_typed(shown_lines(line)), file=sys.stderr if aside else sys.stdout, flush=True)
