"""MaxN that can be compared, in the formats that have a place for it: the summary's numbers, of the whole time only."""

import csv
import io
import zipfile
from dataclasses import replace

import pytest

from field import open_with
from shoal.answers.views import view_answer
from shoal.answers.where import Where
from shoal.exports.export import find_afterwards
from shoal.tables.session import open_database

A = {
    "images": 120,
    "mean_per_image": 0.25,
    "groups": 2,
    "mean_maxn_of_groups": 2.5,
    "events": None,
    "mean_maxn_of_events": None,
}
B = {
    "images": 49,
    "mean_per_image": 0.5,
    "groups": 0,
    "mean_maxn_of_groups": None,
    "events": 8,
    "mean_maxn_of_events": 1.125,
}
OF_SERIES = {"A": A, "B": B, "C": {**B, "events": None, "mean_maxn_of_events": None}}
"""Typed by hand; D, outside all deployments, has what C has."""

HEADER = ["images", "mean_per_image", "groups_of_50_images", "mean_maxn_of_groups", "events", "mean_maxn_of_events"]


@pytest.fixture(scope="module")
def write(reef):
    """Write an export of the reef whose series say the numbers above."""

    def write(export, folder, *where):
        folder.mkdir()
        found, answer = Where.parse(where), reef.answer()
        series = [{**one, **OF_SERIES[one["camera"].replace("D", "C")]} for one in answer.result["series"]]
        with open_database(reef.pipeline.stores.results) as database:
            view_answer(database, reef.run.summary, found)
            told = replace(answer, result={**answer.result, "series": series})
            return export.write(database, told, folder, found).not_held

    return write


def lines(text, **dialect):
    return list(csv.reader(io.StringIO(text, newline=""), **dialect))


def test_a_workbook_has_a_sheet_of_it(write, tmp_path):
    write(find_afterwards("xlsx", {}), tmp_path / "out")
    read = open_with("xlsx", tmp_path / "out")
    assert read["errors"] == []
    header, *rows = read["sheets"]["equal effort"]
    assert header == ["camera", "deployment", "taxon", *HEADER]
    assert [row for row in rows if row[2] == "Coris julis"] == [  # it ends a row with its last number
        ["A", "pier", "Coris julis", 120, 0.25, 2, 2.5],
        ["B", "wreck", "Coris julis", 49, 0.5, 0, None, 8, 1.125],
        ["C", "nowhere", "Coris julis", 49, 0.5, 0],
        ["D", None, "Coris julis", 49, 0.5, 0],
    ]


def test_csv_for_excel_has_a_file_of_it(write, tmp_path):
    write(find_afterwards("xlsx", {"csv": "excel"}), tmp_path / "out", "camera=A,taxon=Coris julis")
    text = (tmp_path / "out/equal-effort.csv").read_text(encoding="utf-8-sig")
    assert lines(text, delimiter=";")[1:] == [["A", "pier", "Coris julis", "120", "0,25", "2", "2,5", "", ""]]


def test_tables_for_r_have_one_of_it(write, tmp_path):
    write(find_afterwards("camtrapr", {}), tmp_path / "out")
    header, *rows = lines((tmp_path / "out/equalEffort.csv").read_text(encoding="utf-8"))
    assert header == ["Station", "Species", *HEADER]
    assert ["A/pier", "Coris julis", "120", "0.25", "2", "2.5", "NA", "NA"] in rows
    assert ["D/no deployment", "Coris julis", "49", "0.5", "0", "NA", "NA", "NA"] in rows


def test_a_deployment_is_an_event_that_is_measured_and_has_no_occurrence(write, tmp_path):
    write(find_afterwards("darwin-core", {}), tmp_path / "out")
    read = open_with("darwin_core", tmp_path / "out")
    assert read["errors"] == []
    tables = read["tables"]
    events = {row["eventID"]: row for row in tables["event.csv"]}
    assert {name for name, row in events.items() if row["eventType"] == "deployment"} == {"reef:A:pier", "reef:B:wreck"}
    assert {row["parentEventID"] for row in events.values() if row["eventType"] == "day"} == {
        "reef:A:pier",
        "reef:B:wreck",
    }
    # A took four images on each of eight days but the 3rd; one failed and one repeats another, neither is used.
    assert (events["reef:A:pier"]["sampleSizeValue"], events["reef:A:pier"]["sampleSizeUnit"]) == ("28.0", "images")
    assert events["reef:A:pier"]["eventDate"] == "2026-05-31T22:00:00Z/2026-06-08T22:00:00Z"
    assert {row["eventID"] for row in tables["occurrence.csv"]}.isdisjoint({"reef:A:pier", "reef:B:wreck"})
    told = {
        (row["eventID"], row["measurementType"]): (row["measurementValue"], row["occurrenceID"])
        for row in tables["measurement.csv"]
        if row["measurementType"].endswith("of Coris julis")
    }
    assert told == {
        ("reef:A:pier", "mean detections per image of Coris julis"): ("0.25", ""),
        ("reef:A:pier", "mean MaxN in 50 images of Coris julis"): ("2.5", ""),
        ("reef:B:wreck", "mean detections per image of Coris julis"): ("0.5", ""),
        ("reef:B:wreck", "mean MaxN in an event of Coris julis"): ("1.125", ""),
    }


@pytest.mark.parametrize("name", ["camtrapr", "darwin-core", "xlsx"])
def test_of_a_part_of_the_time_it_is_not_known(write, tmp_path, name):
    """Fifty images that follow each other in a week are other ones than in the whole time."""
    not_held = write(find_afterwards(name, {}), tmp_path / "out", "camera=A,from=2026-06-02,to=2026-06-08")
    assert not_held["series whose MaxN of equal effort is known of the whole time only"] == 3
    if name == "darwin-core":
        with zipfile.ZipFile(tmp_path / "out/darwin-core.zip") as archive:
            assert "mean MaxN" not in archive.read("measurement.csv").decode()
            assert "reef:A:pier,2026-06-03T22:00:00Z/2026-06-07T22:00:00Z" in archive.read("event.csv").decode()
