"""Steps of a plan talk through tables: each says which it reads and which it makes, and that is what its SQL does."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import shoal
from shoal.plan.plan_session import TABLES
from shoal.tables.session import read_sql

HOUSE = Path(shoal.__file__).parent
STEPS = [
    "bucket/correction_words.py", "bucket/drift.py", "bucket/listed_anew.py", "bucket/listing.py", "bucket/listing_months.py", "bucket/silent_cameras.py",
    "bucket/unshown_names.py", "tables/frozen_listing.py",
    "plan/cut_shards.py", "plan/drift_guard.py", "plan/plan_session.py", "plan/run_listing.py",
    "results/open_images.py", "tables/capture_times.py", "tables/clock_facts.py", "tables/clock_table.py", "tables/clock_times.py", "tables/clock_words.py", "tables/odd_cameras.py", "tables/session.py",
]  # fmt: skip
OF_A_VIEW = {"view_parquet": ("{0}",), "view_rows": ("stored_rows", "judged_rows", "rows")}


@cache
def functions() -> dict[str, ast.FunctionDef]:
    found = {}
    for path in STEPS:
        for node in ast.walk(ast.parse((HOUSE / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name not in OF_A_VIEW:
                found[f"{path}:{node.name}"] = node
    return found


def sql_of(function: ast.FunctionDef) -> str:
    """All SQL in a function's own body, in its files, and in the views it names."""
    docstring = function.body[0] if ast.get_docstring(function) else None
    texts = []
    for node in (node for statement in function.body if statement is not docstring for node in ast.walk(statement)):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and re.search(r"\b(SELECT|FROM|JOIN|VIEW|TABLE)\b", node.value)
        ):
            texts.append(node.value)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = node.func.attr
            words = [word.value for word in node.args if isinstance(word, ast.Constant)]
            if name == "run_file":
                texts.append(re.sub(r"--.*", "", read_sql(words[0])))
            texts += [
                f"CREATE VIEW {view.format(*words)}" for view in OF_A_VIEW.get(name, ()) if words or "{" not in view
            ]
    return "\n".join(texts)


def calls_of(function: ast.FunctionDef) -> list[ast.FunctionDef]:
    own = {name.rpartition(":")[2]: node for name, node in functions().items()}
    names = {
        node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    return [own[name] for name in names & set(own) if own[name] is not function]


def made_and_used(function: ast.FunctionDef) -> tuple[set[str], set[str]]:
    sql = sql_of(function)
    made = set(re.findall(r"CREATE (?:OR REPLACE )?(?:TABLE|VIEW) (\w+)|RENAME TO (\w+)", sql))
    makes = {name for pair in made for name in pair} & set(TABLES)
    used = set(re.findall(r"\w+", sql)) & set(TABLES)
    for call in calls_of(function):
        below, also = made_and_used(call)
        makes, used = makes | below, used | also
    return makes, used


def told(function: ast.FunctionDef, word: str) -> set[str]:
    line = re.search(rf"^{word}: (.+)$", ast.get_docstring(function) or "", re.MULTILINE)
    return set(line[1].split(", ")) if line else set()


@pytest.mark.parametrize(
    "step", [name for name, node in functions().items() if any(made_and_used(node)) and not node.name.startswith("_")]
)
def test_a_step_says_which_tables_it_reads_and_which_it_makes(step):
    function = functions()[step]
    makes, used = made_and_used(function)
    assert told(function, "Makes") == makes
    assert told(function, "Reads") | makes == used


def test_every_table_is_made_and_read_by_a_step():
    made = set().union(*(made_and_used(function)[0] for function in functions().values()))
    assert made == set(TABLES)


def test_a_plan_leaves_no_table_that_has_no_name_here(few_images, monkeypatch):
    from shoal.tables.session import Database

    seen = set()
    run = Database.run

    def noting(self, sql, parameters=()):
        seen.update(
            name
            for pair in re.findall(r"CREATE (?:OR REPLACE )?(?:TABLE|VIEW) (\w+)|RENAME TO (\w+)", sql)
            for name in pair
        )
        return run(self, sql, parameters)

    monkeypatch.setattr(Database, "run", noting)
    few_images.plan(window_start="2026-06-01T00:00:00Z")
    assert seen - {""} <= set(TABLES)
    assert {"listing", "open_images", "free_images", "picked", "chosen"} <= seen
