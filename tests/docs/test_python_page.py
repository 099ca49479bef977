"""docs/python.md and its notebook: every member is told, and the cells run on a stored answer."""

import json
import re
from contextlib import redirect_stdout
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

from shoal.answers.opened import OpenedDataset

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
