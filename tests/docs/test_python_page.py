"""docs/python.md and its notebook: every member is told, and the cells run on a stored answer."""

import json
import re
from contextlib import redirect_stdout
from datetime import datetime, timedelta
from io import StringIO
from itertools import product
from pathlib import Path

import pytest

from r_tables import run_r
from shoal.answers.columns import TABLES
from shoal.answers.find import find_run
from shoal.answers.opened import OpenedDataset
from shoal.answers.where import Where
from shoal.exports.export import Answer
from shoal.exports.long import LONG
from shoal.tables.session import open_database

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "python.md").read_text(encoding="utf-8")
NOTEBOOK = json.loads((DOCS / "notebooks/fish-against-temperature.ipynb").read_text(encoding="utf-8"))


def test_the_page_tells_every_member():
    table = PAGE.split("<!-- members -->\n")[1].split("\n\n")[0].splitlines()[2:]
    told = {name for line in table for name in re.findall(r"`(\w+)[`(]", line.split("|")[1])}
    assert told == {name for name in vars(OpenedDataset) if not name.startswith("_")}


def test_python_on_the_page_is_python():
    for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        compile(code, "docs/python.md", "exec")


@pytest.fixture
def june(hostile, tmp_path):
    """A folder with long.csv of a June in which more bream come with each degree, and ctd.csv, which is warmer every day."""
    columns = ", ".join(f"{name} {kind}" for name, kind in TABLES["counts-day"].items())
    with open_database(None) as database:
        database.run(f"CREATE TABLE counts_day ({columns})")
        database.run(f"CREATE TABLE images ({', '.join(f'{name} {kind}' for name, kind in TABLES['images'].items())})")
        database.run("CREATE VIEW around_images AS FROM images")
        for number, taxon, camera in product(range(30), ("Coris julis", "Diplodus vulgaris"), "AB"):
            start = datetime(2026, 5, 31, 22) + timedelta(days=number)  # midnight in Madrid
            count = 0 if taxon == "Coris julis" else (2 + number + (3 * number) % 7) * (1 if camera == "A" else 3)
            row = [camera, taxon, start, start + timedelta(days=1), 24 if camera == "A" else 48, count]
            names = "camera, taxon, bin_start, bin_end, images, detections"
            database.run(f"INSERT INTO counts_day ({names}) VALUES (?, ?, ?, ?, ?, ?)", row)
        stored = find_run(hostile.results, hostile.layout)
        LONG.write(database, Answer(stored.plan, True, stored.summary.result, {}), tmp_path, Where())
    lines = ["time,temp"]
    for hour in range(31 * 24):
        moment = datetime(2026, 5, 31, 12) + timedelta(hours=hour)
        lines.append(f"{moment.isoformat()}Z,{15 + hour / 120:.3f}")
    (tmp_path / "ctd.csv").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def test_r_runs_what_the_page_says_and_prints_what_it_shows(june):
    (code,) = re.findall(r"<!-- run by R -->\n```r\n(.*?)```", PAGE, re.DOTALL)
    (june / "page.R").write_text(code, encoding="utf-8")
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE.split("## In R")[1], re.DOTALL)
    assert run_r("page.R", folder=june) == shown


def test_the_notebook_runs_from_open_to_fish_against_temperature(hostile, tmp_path, monkeypatch):
    """Every 10 minutes a line, each day of the three months with the same temperatures."""
    start, lines = datetime(2026, 4, 1), ["time,temp"]
    for minute in range(0, 91 * 1440, 10):
        moment = start + timedelta(minutes=minute)
        lines.append(f"{moment.isoformat()}Z,{15 + moment.hour % 4}")
    (tmp_path / "ctd.csv").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setenv("SHOAL_PLACE", str(hostile.folder / "reef-results/reef"))
    monkeypatch.setenv("SHOAL_CTD", str(tmp_path / "ctd.csv"))
    cells = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    said, names = StringIO(), {}
    with redirect_stdout(said):
        for number, cell in enumerate(cells):
            if cell == "reef.close()":
                by_degree = names["by_degree"].fetchall()
                seen = names["species"].fetchall()
            exec(compile(cell, f"cell {number}", "exec"), names)  # noqa: S102 - ours
    assert "reef v1" in said.getvalue()
    told = {one["taxon"]: one["detections"] for one in hostile.done.summary["result"]["species"]}
    plain = {taxon: sum(line[3] for line in by_degree if line[0] == taxon) for taxon, *_ in seen}
    assert {taxon: count for taxon, count, *_ in seen} == told
    assert plain == told, "each hour has its temperature: every detection is in one degree"


def test_the_notebook_shows_what_it_printed():
    printed = [
        cell["outputs"]
        for cell in NOTEBOOK["cells"]
        if cell["cell_type"] == "code" and "print" in "".join(cell["source"])
    ]
    assert all(printed)
    assert len(printed) >= 4
