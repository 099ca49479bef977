"""The workbook: opened by openpyxl, each sheet's sums those of the summary, texts that stay texts; and CSV as Excel opens it."""

import csv
import resource
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from field import open_all, open_with
from hostile_answer import HOSTILE_TAXON
from shoal.contract.errors import ConfigError
from shoal.exports import xlsx
from shoal.exports.out_folder import out_folder
from shoal.exports.table_file import without_formulas
from shoal.exports.xlsx import WORKBOOK
from shoal.tables.session import open_database


@pytest.fixture(scope="module")
def written(reef, tmp_path_factory):
    """The workbook of the plain reef, and what it could not hold."""
    folder = tmp_path_factory.mktemp("xlsx") / "package"
    return folder, reef.write(WORKBOOK, folder).not_held


@pytest.fixture(scope="module")
def read(written):
    return open_with("xlsx", written[0])


def test_openpyxl_opens_it_and_every_sheet_counts_what_the_summary_counts(reef, written, read):
    assert read["errors"] == []
    assert read["counts"] == {"hour": read["counts"]["hour"], "day": reef.counted, "month": reef.counted}
    without_work = sum(reef.counted.values()) - sum(read["counts"]["hour"].values())
    assert written[1] == {
        "images without a capture time": 1,
        "detections in these bins of hour": without_work,
        "bins of hour whose images are all from times in which the camera was not at work (no rows)": 2,
    }, "A's lens was overgrown until noon of the 4th: at midnight and at six of that day"


def test_a_day_is_a_local_date_with_its_effort_and_one_without_work_has_no_row(read):
    days = {(row[0], row[1]): row for row in read["sheets"]["day"][1:]}
    assert read["sheets"]["day"][0][:5] == ["day (Europe/Madrid)", "camera", "deployment", "images", "camera_days"]
    assert days["2026-06-02 00:00:00", "A"][2:5] == ["pier", 4, None]
    assert days["2026-06-03 00:00:00", "B"][2:5] == ["wreck", 8, 1]
    assert ("2026-06-05 00:00:00", "B") not in days
    assert ("2026-06-03 00:00:00", "A") not in days
    assert days["2026-06-01 00:00:00", "D"][2] is None, "outside all deployments it is counted all the same"
    assert read["sheets"]["hour"][0][0] == "hour (UTC)"


def test_no_text_is_a_formula_and_every_name_is_whole(hostile_reef, tmp_path):
    hostile_reef.write(WORKBOOK, tmp_path / "package")
    read = open_with("xlsx", tmp_path / "package")
    assert (read["errors"], read["counts"]["day"]) == ([], hostile_reef.counted)
    cameras = {row[1] for row in read["sheets"]["day"][1:]}
    assert '=HYPERLINK("evil.example")' in cameras
    assert len(cameras) == 17
    assert HOSTILE_TAXON in read["sheets"]["day"][0]


def test_broken_ones_are_refused(written, tmp_path):
    whole = (written[0] / "counts.xlsx").read_bytes()
    breaks = {"half of it": whole[: len(whole) // 2], "nothing in it": b"", "a formula": _with_formula(whole, tmp_path)}
    for name, data in breaks.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "counts.xlsx").write_bytes(data)
    said = [read["errors"] for read in open_all("xlsx", [tmp_path / name for name in breaks])]
    assert "BadZipFile" in said[0][0]
    assert "BadZipFile" in said[1][0]
    assert said[2] == ["day A2 is a formula"]


def _with_formula(whole, scratch):
    (scratch / "whole.xlsx").write_bytes(whole)
    with zipfile.ZipFile(scratch / "whole.xlsx") as source, zipfile.ZipFile(scratch / "changed.xlsx", "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "xl/worksheets/sheet3.xml":  # after about and hour
                assert b'<c r="A2"' in data
                head, tail = data.split(b'<c r="A2"', 1)
                data = head + b'<c r="A2"><f>1+1</f><v></v></c>' + tail.split(b"</c>", 1)[1]
            target.writestr(name, data)
    return (scratch / "changed.xlsx").read_bytes()


def test_the_same_answer_is_the_same_bytes(written, reef, tmp_path):
    reef.write(WORKBOOK, tmp_path / "again")
    assert (written[0] / "counts.xlsx").read_bytes() == (tmp_path / "again/counts.xlsx").read_bytes()


def test_more_rows_than_a_sheet_holds_go_on_in_another(read, reef, tmp_path, monkeypatch):
    of_one_sheet = read["counts"]["hour"]
    monkeypatch.setattr(xlsx, "MOST_ROWS", 20)
    reef.write(WORKBOOK, tmp_path / "package")
    read = open_with("xlsx", tmp_path / "package")
    hours = [title for title in read["sheets"] if title.startswith("hour")]
    assert hours == ["hour", "hour 2", "hour 3"]
    assert {len(read["sheets"][title]) for title in hours[:-1]} == {20}
    assert {taxon: sum(read["counts"][title][taxon] for title in hours) for taxon in reef.counted} == of_one_sheet


def test_csv_for_excel_has_semicolons_decimal_commas_and_a_mark(hostile_reef, reef, tmp_path):
    hostile_reef.write(replace(WORKBOOK, csv="excel"), tmp_path / "hostile")
    data = (tmp_path / "hostile/counts-day.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    header, *rows = csv.reader(data.decode("utf-8-sig").splitlines(keepends=True), delimiter=";")
    assert header[5:] == [f"'{HOSTILE_TAXON}", "Diplodus vulgaris", "Новый\nвид <&>"]
    assert '\'=HYPERLINK("evil.example")' in {row[1] for row in rows}
    boxes = [sum(int(row[column]) for row in rows) for column in (5, 6, 7)]
    assert boxes == [hostile_reef.counted[taxon.removeprefix("'")] for taxon in header[5:]]
    reef.write(replace(WORKBOOK, csv="excel"), tmp_path / "plain")
    text = (tmp_path / "plain/counts-day.csv").read_text(encoding="utf-8-sig")
    assert "2026-06-02;B;wreck;8;0,916667;" in text
    with pytest.raises(ConfigError, match=r"^--csv tsv not understood - write --csv excel, or leave it out$"):
        replace(WORKBOOK, csv="tsv")


def test_a_full_scratch_folder_is_told_as_such_and_nothing_is_left_elsewhere(reef, tmp_path, monkeypatch):
    """The system refuses further bytes of a file that openpyxl keeps its rows in, as a full disk does."""
    (elsewhere := tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    fill, folders = xlsx._fill, []

    def without_room(book, table):
        folders.append(Path(tempfile.gettempdir()))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
        fill(book, table)

    monkeypatch.setattr(xlsx, "_fill", without_room)
    try:
        with (
            pytest.raises(
                ConfigError, match=rf"^No room left in {elsewhere} \(File too large\) - free some disk or set TMPDIR"
            ),
            out_folder(tmp_path / "out", {"a": 1}) as out,
        ):
            reef.write(WORKBOOK, out.path / "package")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert folders[0] != elsewhere
    assert list(elsewhere.iterdir()) == []
    assert tempfile.tempdir == str(elsewhere)


@pytest.mark.parametrize("name", ["=1+1", "\uff1d1", " @x", "-1", "\tx", "plain", "a=b", "x;=1"])
def test_one_pattern_says_what_a_formula_is(name):
    """In Python's words and in those of DuckDB."""
    with open_database(None) as database:
        found = without_formulas(database, f"SELECT '{name}' AS a")
        changed = database.value(found.query) if found else name
    assert (changed != name) == (xlsx._as_csv(name) != name)
