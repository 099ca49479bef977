"""Darwin Core: opened by python-dwca-reader, its sums those of the summary, absences only where recall was measured."""

import shutil
import zipfile

import pytest

from field import open_all, open_with
from shoal.contract.errors import ConfigError
from shoal.exports.archive import zip_files
from shoal.exports.camtrap_dp.package import CAMTRAP_DP
from shoal.exports.darwin_core.archive import DARWIN_CORE
from shoal.exports.long import LONG
from shoal.exports.xlsx import WORKBOOK

NOWHERE = "detections in used images outside all deployments with a position"


@pytest.fixture(scope="module")
def written(reef, tmp_path_factory):
    """The archive of the plain reef, and what it could not hold."""
    folder = tmp_path_factory.mktemp("darwin") / "package"
    return folder, reef.write(DARWIN_CORE, folder).not_held


@pytest.fixture(scope="module")
def read(written):
    return open_with("darwin_core", written[0])


def test_dwca_reader_opens_it_and_counts_what_the_summary_counts(reef, written, read):
    assert read["errors"] == []
    assert sum(read["counts"].values()) + written[1][NOWHERE] == sum(reef.counted.values())
    assert written[1]["images that are not used, as unusable or failed"] == 1
    assert read["titles"] == ['Reef, "north"']


def test_hostile_names_part_no_row(hostile_reef, tmp_path):
    hostile_reef.write(DARWIN_CORE, tmp_path / "package")
    read = open_with("darwin_core", tmp_path / "package")
    assert (read["errors"], sum(read["counts"].values())) == ([], sum(hostile_reef.counted.values()))
    names = {name.replace("\n", " ").replace("\t", " "): boxes for name, boxes in hostile_reef.counted.items()}
    assert read["counts"] == names


def test_effort_is_images_by_the_clock_and_days_at_work_of_a_released_camera(read):
    events = {row["eventID"]: row for row in read["tables"]["event.csv"]}
    pier, wreck = events["reef:A:pier:2026-06-02"], events["reef:B:wreck:2026-06-03"]
    assert (pier["sampleSizeValue"], pier["sampleSizeUnit"]) == ("4.0", "images")
    assert (wreck["sampleSizeValue"], wreck["sampleSizeUnit"]) == ("1.0", "camera-days"), "never its images"
    assert events["reef:B:wreck:2026-06-02"]["sampleSizeValue"] == "0.916667", (
        "it began two hours after midnight in Madrid"
    )
    assert "reef:B:wreck:2026-06-05" not in events, "a day without power is no day without fish"
    assert events["reef:B:wreck:2026-06-07"]["sampleSizeValue"] == "1.0"


def test_a_camera_that_nothing_came_by_is_effort_and_one_above_water_has_no_depth(reef, tmp_path):
    """B took no image on the 6th and was at work from two o'clock in Madrid on."""
    stays = [stay.model_dump(mode="json") for stay in reef.pipeline.dataset.deployments]
    stays[0]["depth_m"] = -3
    asked = ("from=2026-06-05T22:00:00", "to=2026-06-06T22:00:00")
    reef.write(DARWIN_CORE, tmp_path / "package", *asked, deployments=stays)
    events = {row["eventID"]: row for row in open_with("darwin_core", tmp_path / "package")["tables"]["event.csv"]}
    assert events["reef:B:wreck:2026-06-06"]["sampleSizeValue"] == "0.916667"
    depths = {name: (row["minimumDepthInMeters"], row["maximumDepthInMeters"]) for name, row in events.items()}
    assert (depths["reef:A:pier:2026-06-06"], depths["reef:B:wreck:2026-06-06"]) == (("", ""), ("12.5", "12.5"))
    reef.write(CAMTRAP_DP, tmp_path / "camtrap", *asked)
    assert "B/wreck" in (tmp_path / "camtrap/deployments.csv").read_text(encoding="utf-8")


def test_boxes_are_no_individuals_and_nothing_is_absent_unasked(read):
    seen = read["tables"]["occurrence.csv"]
    assert {(row["occurrenceStatus"], row["organismQuantityType"], row["basisOfRecord"]) for row in seen} == {
        ("present", "MaxN", "MachineObservation")
    }
    assert "individualCount" not in seen[0]
    assert {row["scientificNameID"] for row in seen} == {
        f"urn:lsid:marinespecies.org:taxname:{aphia_id}" for aphia_id in (127000, 126963, 127054)
    }


def test_a_taxon_is_absent_only_where_its_recall_was_measured(reef, tmp_path):
    said = reef.pipeline.dataset.publish.model_dump()
    recall = {"Coris julis": {"value": 0.93, "source": "a paper"}}
    reef.write(DARWIN_CORE, tmp_path / "package", publish={**said, "recall": recall})
    read = open_with("darwin_core", tmp_path / "package")
    absent = [row for row in read["tables"]["occurrence.csv"] if row["occurrenceStatus"] == "absent"]
    assert absent
    assert {(row["scientificName"], row["organismQuantity"]) for row in absent} == {("Coris julis", "0")}
    assert {row["occurrenceRemarks"] for row in absent} == {"not found; the model finds 0.93 of them: a paper"}
    days = {row["eventID"] for row in read["tables"]["event.csv"] if row["eventType"] == "day"}
    of_coris = {row["eventID"] for row in read["tables"]["occurrence.csv"] if row["scientificName"] == "Coris julis"}
    assert of_coris == days, "each day at work, present or absent, and none without work"


def test_images_from_a_time_without_work_make_nothing_absent_and_no_zero(reef, tmp_path):
    """A's lens was overgrown on the whole 5th in Madrid: what was found stands with a remark, and no number is effort."""
    said = reef.pipeline.dataset.publish.model_dump()
    recall = {taxon: {"value": 0.9, "source": "a paper"} for taxon in reef.counted}
    stays = [stay.model_dump(mode="json") for stay in reef.pipeline.dataset.deployments]
    stays[0]["not_working"] = [{"from": "2026-06-04T22:00:00", "to": "2026-06-05T22:00:00", "reason": "overgrown"}]
    answer, held = reef.answer(), {}
    answer.plan.__dict__["settings"] = reef.pipeline.with_settings(deployments=stays).dataset
    try:
        reef.write(DARWIN_CORE, tmp_path / "package", publish={**said, "recall": recall})
        for export in (LONG, WORKBOOK):
            held[export.name] = reef.write(export, tmp_path / export.name).not_held
    finally:
        answer.plan.__dict__.pop("settings")
    tables = open_with("darwin_core", tmp_path / "package")["tables"]
    event = "reef:A:pier:2026-06-05"
    [row] = [row for row in tables["event.csv"] if row["eventID"] == event]
    assert (row["sampleSizeValue"], "not to have been at work" in row["eventRemarks"]) == ("", True)
    of_day = [row for row in tables["occurrence.csv"] if row["eventID"] == event]
    assert {row["occurrenceStatus"] for row in of_day} == {"present"}
    assert len({row["eventID"] for row in tables["occurrence.csv"] if row["occurrenceStatus"] == "absent"}) > 1
    days = {
        line.split(",")[0]
        for line in (tmp_path / "long/long.csv").read_text(encoding="utf-8").splitlines()
        if ",A,pier," in line
    }
    assert "2026-06-04T22:00:00Z" not in days
    assert {"2026-06-03T22:00:00Z", "2026-06-05T22:00:00Z"} <= days
    rest = "bins of day whose images are all from times in which the camera was not at work (no rows)"
    assert {name: counts[rest] for name, counts in held.items()} == {"long": 1, "xlsx": 1}
    assert held["long"]["detections in these bins of day"] == sum(
        int(row["measurementValue"])
        for row in tables["measurement.csv"]
        if (row["eventID"], row["measurementType"]) == (event, "detections")
    )


def test_recall_of_a_taxon_that_is_not_there_is_refused(reef, tmp_path):
    recall = {"Coris": {"value": 0.9, "source": "a paper"}}
    said = {**reef.pipeline.dataset.publish.model_dump(), "recall": recall}
    with pytest.raises(
        ConfigError,
        match=r"^publish.recall names 'Coris', which the answer does not know - write a taxon as the answer",
    ):
        reef.write(DARWIN_CORE, tmp_path / "package", publish=said)


BREAKS = {
    "columns are shuffled": ("occurrence.csv", lambda text: text.replace("eventID,occurrenceID", "occurrenceID,eventID", 1), "the header"),
    "an event is gone": ("event.csv", lambda text: "\n".join(text.splitlines()[:-1]) + "\n", "a row of no event"),
    "meta.xml is not whole": ("meta.xml", lambda text: text[: len(text) // 2], "ParseError"),
    "no rows": ("occurrence.csv", lambda text: text.splitlines()[0] + "\n", "a measurement of no occurrence"),
}  # fmt: skip


@pytest.fixture(scope="module")
def refusals(written, tmp_path_factory):
    folders = []
    for file, change, _ in BREAKS.values():
        loose, folder = tmp_path_factory.mktemp("loose"), tmp_path_factory.mktemp("broken")
        with zipfile.ZipFile(written[0] / "darwin-core.zip") as archive:
            archive.extractall(loose)
            names = archive.namelist()
        text = (loose / file).read_text(encoding="utf-8")
        assert change(text) != text
        (loose / file).write_text(change(text), encoding="utf-8")
        zip_files(folder / "darwin-core.zip", [(name, loose / name) for name in names])
        shutil.rmtree(loose)
        folders.append(folder)
    return dict(zip(BREAKS, open_all("darwin_core", folders), strict=True))


@pytest.mark.parametrize("broken", BREAKS)
def test_what_is_broken_is_refused(refusals, broken):
    assert any(BREAKS[broken][2] in error for error in refusals[broken]["errors"])


def test_the_same_answer_is_the_same_bytes(written, reef, tmp_path):
    reef.write(DARWIN_CORE, tmp_path / "again")
    assert (written[0] / "darwin-core.zip").read_bytes() == (tmp_path / "again/darwin-core.zip").read_bytes()


def test_common_names_and_keys_of_gbif_stand_where_the_dataset_file_says_them(reef, tmp_path):
    taxa = {name: one.model_dump(mode="json") for name, one in reef.pipeline.dataset.taxa.items()}
    taxa["Coris julis"] |= {"vernacular": "rainbow wrasse", "gbif_key": 2383573}
    reef.write(DARWIN_CORE, tmp_path / "package", taxa=taxa)
    read = open_with("darwin_core", tmp_path / "package")
    assert read["errors"] == []
    said = {(row["scientificName"], row["vernacularName"], row["taxonID"]) for row in read["tables"]["occurrence.csv"]}
    assert ("Coris julis", "rainbow wrasse", "https://www.gbif.org/species/2383573") in said
    assert ("Chromis chromis", "", "") in said
