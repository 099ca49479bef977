"""docs/architecture.md and CONTRIBUTING describe the house as it stands: rooms, layers, and where a new thing goes."""

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOUSE = ROOT / "include/shoal"
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
OURS = ("benchmarks", "docs", "shoal", "tests")


def rows(text, marker):
    table = text.split(f"<!-- {marker} -->\n")[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def told_by(room):
    """What a room's docstring says: what it is, what enters, what leaves."""
    text = ast.get_docstring(ast.parse((HOUSE / room / "__init__.py").read_text(encoding="utf-8")))
    found = re.fullmatch(r"(.+?)\n\nEnters: (.+?)\nLeaves: (.+?)\nMay import: .+", text, re.DOTALL)
    return [" ".join(part.split()) for part in found.groups()]


def find(path):
    return (ROOT / "include" if path.startswith("shoal") else ROOT) / path


def test_the_table_of_rooms_is_what_the_rooms_say_of_themselves():
    rooms = {path.name for path in HOUSE.iterdir() if (path / "__init__.py").exists()}
    table = rows(ARCHITECTURE, "rooms")
    assert {name.strip("`") for name, *_ in table} == rooms
    assert len(table) == len(rooms)
    assert table == [[name, *told_by(name.strip("`"))] for name, *_ in table]


def test_the_picture_of_layers_is_the_dependency_rule():
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    (rule,) = [rule for rule in rules if rule["type"] == "layers"]
    layers = [[name.strip().removeprefix("shoal.") for name in layer.split("|")] for layer in rule["layers"]]
    picture = ARCHITECTURE.split("<!-- layers -->\n```\n")[1].split("```")[0]
    assert [line.split() for line in picture.splitlines()] == [layer for layer in layers if layer != ["__main__"]]


def test_every_place_where_a_new_thing_goes_is_there():
    """Each file exists, or is one among others in a folder that does, and holds the names said to be in it."""
    places = rows(CONTRIBUTING, "places")
    assert len(places) > 15
    for thing, _, file, line in places:
        code = [word for cell in (file, line) for word in re.findall(r"`([^`]+)`", cell)]
        for path in (word for word in code if word.startswith(OURS) and "/" in word):
            # A file that is still to come lies in a folder that is there.
            assert find(path.split("<")[0].rpartition("/")[0] if "<" in path else path).exists(), f"{thing}: {path}"
        for name, path in re.findall(r"`(\w+)` in `([^`]+)`", f"{file} {line}"):
            assert re.search(rf"\b{name}\b", find(path).read_text(encoding="utf-8")), f"{thing}: {name} in {path}"
