"""docs/exports.md has a row for each package, what it needs and what it cannot hold; and none for what is not there."""

import re
from pathlib import Path

from shoal.exports.export import BY_MONTH, PACKAGES, find_afterwards

TEXT = (Path(__file__).parents[2] / "docs/exports.md").read_text(encoding="utf-8")
LABELS = {"yolo"}
"""Labels for training, which say nothing of themselves."""


def rows(table):
    return re.findall(r"^\| `([a-z][a-z-]*)` \|", table.split("\n\n")[0], re.MULTILINE)


def test_every_row_is_an_export_and_every_package_has_one():
    listed = set(rows(TEXT.split("<!-- exports -->")[1]))
    assert set(PACKAGES) - LABELS <= listed <= {**BY_MONTH, **PACKAGES}.keys()


def test_every_package_says_what_it_needs_and_what_it_cannot_hold():
    asked = rows("| `--to` | needs" + TEXT.split("| `--to` | needs")[1])
    assert sorted(asked) == sorted(set(PACKAGES) - LABELS)


def test_every_package_is_found_by_its_name():
    assert [find_afterwards(name, {}).name for name in PACKAGES] == list(PACKAGES)


def test_every_export_says_where_maxn_of_equal_effort_stands_or_why_not():
    assert sorted(rows(TEXT.split("<!-- equal effort -->\n")[1])) == sorted({**BY_MONTH, **PACKAGES})
