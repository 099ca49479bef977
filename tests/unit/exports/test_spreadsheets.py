"""Names that a spreadsheet takes for formulas: as they are in the plain file, as text in the one beside it."""

import csv
from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import beside_report
from shoal.exports.table_file import CSV, CSV_TYPE, TableFile
from shoal.tables.session import open_database
from written_rows import write_rows

NAMES = TableFile("names", "names.csv", "SELECT key, images, words FROM names ORDER BY key", CSV, CSV_TYPE, False)


def written(*rows):
    """Read both files of (key, images, words) as a spreadsheet's importer would, None where there is none; and their texts."""
    with open_database(None) as database:
        database.run("CREATE TABLE names (key VARCHAR, images BIGINT, words VARCHAR)")
        for row in rows:
            database.run("INSERT INTO names VALUES (?, ?, ?)", row)
        texts = {
            path.name: path.read_bytes().decode() for path in NAMES.write(database, None, database.folder, None).files
        }
    return [
        list(csv.reader(StringIO(texts[name], newline=""))) if name in texts else None
        for name in ("names.csv", "names.spreadsheet.csv")
    ], texts


FORMULAS = [
    '=HYPERLINK("evil.example")', "+1+cmd|' /C calc'!A0", "-1+2", "@SUM(1)", "\t=1", "\r=1", "\n=1", " =1", "\uff1d1+1", "\uff20SUM(1)",
]  # fmt: skip


@pytest.mark.parametrize("formula", FORMULAS, ids=ascii)
def test_a_formula_is_text_in_the_one_for_spreadsheets(formula):
    (plain, spreadsheet), _ = written((formula, -5, None), ("b", 1, "x"), ("c", None, formula))
    assert sorted(row[0] for row in plain[1:]) == sorted([formula, "b", "c"]), "as it is"
    assert spreadsheet[0] == plain[0] == ["key", "images", "words"]
    assert ["'" + formula, "-5", ""] in spreadsheet, "a number stays one"
    assert ["c", "", "'" + formula] in spreadsheet
    assert [row[0].removeprefix("'") for row in spreadsheet] == [row[0] for row in plain], "in the same order"


def test_what_another_sign_parts_is_kept_together():
    (plain, spreadsheet), texts = written(("a;=1+1", 1, "x"))
    assert plain == spreadsheet
    assert '"a;=1+1",1,"x"' in texts["names.spreadsheet.csv"]


def test_there_is_none_where_it_would_be_the_same():
    assert list(written(("IPC608/20260601-1.jpg", -1, "a=b, c-d; e"), ("é@x", 0, None))[1]) == ["names.csv"]


@settings(max_examples=15)
@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6), max_size=4, unique=True
    )
)
def test_no_cell_of_the_one_to_open_begins_a_formula(names):
    (plain, spreadsheet), _ = written(*((name, 1, name) for name in names))
    for row in (spreadsheet or plain)[1:]:
        assert row[0][:1] not in {"=", "+", "-", "@", "\t", "\r", "\n"}
    assert sorted(row[0] for row in plain[1:]) == sorted(names)


def test_a_run_over_such_names_says_which_file_to_open(few_images):
    asking = few_images.with_settings(clock={"pattern": r"(?P<time>\d{8}-\d{6})-(?P<camera>[^/.]+)"})
    asking.put("20260601-120000-=CAM.jpg", b"x")
    plan = asking.plan()
    write_rows(asking, plan)
    done = asking.summarize(plan)
    folder, files = done.summary["folder"], done.summary["files"]
    assert beside_report(done.summary) == [
        "counts-day.csv", "counts-day.spreadsheet.csv", "counts-month.csv", "counts-month.spreadsheet.csv", "failures.csv",
        "gaps.csv", "report.html",
    ]  # fmt: skip
    assert '"\'=CAM",' in asking.stores.results.read_bytes(f"{folder}counts-day.spreadsheet.csv").decode()
    assert "\n=CAM," in asking.stores.results.read_bytes(f"{folder}counts-day.csv").decode()
    page = asking.stores.results.read_bytes(f"{folder}report.html").decode()
    assert "Open counts-day.spreadsheet.csv and counts-month.spreadsheet.csv in spreadsheet programs" in page
    assert asking.verify(plan.run_key, plan.variant.directory).deviations == ()
    summary = {**done.summary, "files": [file for file in files if "spreadsheet" not in file["key"]]}
    asking.stores.results.write_json(done.key, summary)
    assert asking.verify(plan.run_key, plan.variant.directory).deviations == (), "an earlier release wrote none"
