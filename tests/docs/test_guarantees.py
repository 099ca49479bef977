"""docs/guarantees.md: every promise names tests that exist, and every fault that is dealt has its line."""

import re
from pathlib import Path

from faults.faults import FAULTS, HAND, SEEDS_HERE, SEEDS_PER_DECK, SIDE_BY_SIDE

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/guarantees.md").read_text(encoding="utf-8")
NUMBERS = {2: "two", 4: "four", 7: "seven"}


def test_every_guarantee_names_tests_that_exist():
    rows = re.findall(r"^\| (G\d+) \| .+ \| (.+) \|$", PAGE, re.MULTILINE)
    assert [name for name, _ in rows] == [f"G{number}" for number in range(1, 13)]
    for name, tests in rows:
        files = re.findall(r"`([^`]+)`", tests)
        assert files, name
        assert [file for file in files if not (ROOT / file).exists()] == []


def test_every_fault_has_a_line():
    table = PAGE.split("<!-- storms -->")[1]
    assert re.findall(r"^\| ([^|-][^|]*) \| \d", table, re.MULTILINE) == [fault.name for fault in FAULTS]


def test_the_page_says_how_storms_are_dealt():
    assert f"A seed deals {NUMBERS[HAND]} of the faults" in PAGE
    assert f"{NUMBERS[SIDE_BY_SIDE]} seeds run side by side" in PAGE
    assert f"{NUMBERS[SEEDS_PER_DECK].capitalize()} seeds" in PAGE
    assert f"`make test` plays the first {NUMBERS[SEEDS_HERE]}" in PAGE


def test_every_clause_of_the_audit_names_tests_that_exist():
    page = (ROOT / "docs/tested.md").read_text(encoding="utf-8").split("<!-- audit -->")[1]
    rows = re.findall(r"^\| (.+) \| (`.+`) \|$", page, re.MULTILINE)
    assert len(rows) == 20
    named = {(what, *test.split("::")) for what, tests in rows for test in re.findall(r"`([^`]+)`", tests)}
    assert [
        (what, file, test)
        for what, file, test in sorted(named)
        if not re.search(rf"^def {test}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
    ] == []


def test_what_is_wide_is_played_by_make_test_wide():
    """A test that skips everywhere else and is named nowhere would never run."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").split("\nsoak:", 1)[1].split("\nlint:", 1)[0]
    for variable, words in (("SHOAL_SEEDS", r"^from seeds import"), ("SHOAL_WIDE", r"environ\.get\(\"SHOAL_WIDE\"\)")):
        lines = [line for line in makefile.splitlines() if f"{variable}=" in line]
        played = {ROOT / path for line in lines for path in re.findall(r"tests/\S+", line)}
        wide = {
            path
            for path in (ROOT / "tests").rglob("test_*.py")
            if re.search(words, path.read_text("utf-8"), re.MULTILINE)
        }
        assert wide, variable
        assert [str(path) for path in sorted(wide) if not {path, *path.parents} & played] == []
