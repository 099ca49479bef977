"""docs/exports.md names every export that there is, and every line that the packages ask for."""

import re
from pathlib import Path

from shoal.cli.export import OPTIONS
from shoal.exports.export import BY_MONTH, PACKAGES, find_afterwards

TEXT = (Path(__file__).parents[2] / "docs/exports.md").read_text(encoding="utf-8")


def test_every_export_has_its_row_and_no_other_has_one():
    table = TEXT.split("<!-- exports -->")[1].split("\n\n")[0]
    assert sorted(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == sorted({**BY_MONTH, **PACKAGES})


def test_every_export_is_found_by_its_name():
    assert [find_afterwards(name, {}).name for name in PACKAGES] == list(PACKAGES)


def test_every_option_is_told_of():
    assert [option for option in OPTIONS if f"--{option.replace('_', '-')}" not in TEXT] == []
