"""The pages as one web: every link, anchor and file they name is there, and every page can be found.

`make docs` (part of `make lint`) builds the site and checks the links once more, as a browser will see them; here they are
those that a code host shows, where a link leads to any file of the repository.
"""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
OURS = ("benchmarks", "dags", "deploy", "docker", "docs", "include", "plugins", "tests")
PAGES = sorted([*ROOT.glob("*.md"), *(page for folder in OURS for page in (ROOT / folder).rglob("*.md"))])
LINK = re.compile(r"\]\(([^)\s]*)\)")
FILE = re.compile(r"`((?:[\w.<>*-]+/)+[\w.-]+\.(?:py|sql|yaml|yml|md|toml|sh))\b")
FOLDERS_OF_FILES = (ROOT, ROOT / "include", ROOT / "docs", ROOT / "include/shoal")
NAMES_IN_BUCKETS = re.compile(r"[<>*]")


def name(page):
    return str(page.relative_to(ROOT))


def prose(page):
    """The text of a page without its code blocks."""
    return re.sub(r"^( *)(`{3,}).*?^ *\2$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(page):
    """The headings of a page as a code host names them in links."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_to_a_file_and_its_heading(page):
    for link in LINK.findall(prose(page)):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        target, _, anchor = unquote(link).partition("#")
        file = page.parent / target if target else page
        assert file.exists(), f"{name(page)} links to {link}"
        assert not anchor or anchor in anchors(file), f"{name(page)} links to {link}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_file_that_is_named_exists(page):
    named = [file for file in FILE.findall(prose(page)) if not NAMES_IN_BUCKETS.search(file)]
    assert [file for file in named if not any((folder / file).exists() for folder in FOLDERS_OF_FILES)] == []


def test_every_page_has_its_place_in_the_menu():
    def pages_of(entries):
        for entry in entries:
            (place,) = entry.values()
            yield from [place] if isinstance(place, str) else pages_of(place)

    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    shown = {DOCS / place for place in pages_of(settings["nav"])}
    assert {page for page in DOCS.glob("*.md") if page not in shown} == set()


def test_every_decision_is_listed_by_its_title():
    listed = re.findall(
        r"^(\d+)\. \[(.+)\]\((.+)\)$", (DOCS / "adr/README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    titles = [page.read_text(encoding="utf-8").splitlines()[0] for page in sorted((DOCS / "adr").glob("0*.md"))]
    assert [f"# {number}. {title}" for number, title, _ in listed] == titles
    assert [file for _, _, file in listed] == sorted(page.name for page in (DOCS / "adr").glob("0*.md"))
