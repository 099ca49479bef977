"""Numbers that people type behind an option of a command."""

import argparse


def positive(text: str) -> int:
    """Read a number of 1 or more from a command line."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not a positive number")
    return value
