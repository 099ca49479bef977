"""Camtrap DP: opened by Frictionless with the standard's tables, its sums those of the summary, broken ones refused."""

import csv
import json
from datetime import datetime

import pytest

from field import open_broken, open_with
from shoal.answers.views import view_answer
from shoal.answers.where import Where
from shoal.contract.errors import ConfigError
from shoal.exports.camtrap_dp.package import CAMTRAP_DP
from shoal.tables.session import open_database

NOWHERE = "detections in used images outside all deployments with a position"


@pytest.fixture(scope="module")
def written(reef, tmp_path_factory):
    """The package of the plain reef, and what it could not hold."""
    folder = tmp_path_factory.mktemp("camtrap") / "package"
    return folder, reef.write(CAMTRAP_DP, folder).not_held


def rows(folder, table):
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_frictionless_opens_it_and_counts_what_the_summary_counts(reef, written):
    folder, not_held = written
    read = open_with("camtrap_dp", folder)
    assert read["errors"] == []
    assert sum(read["counts"].values()) + not_held[NOWHERE] == sum(reef.counted.values())
    assert read["counts"].keys() == reef.counted.keys()
    assert read["kinds"]["media unclassified"] == 1, "an image that failed was not judged"
    assert read["private"] == ["20260605-070000-A bad.jpg"], "nobody knows what a failed image shows"


def test_hostile_names_come_back_as_they_are(hostile_reef, tmp_path):
    written = hostile_reef.write(CAMTRAP_DP, tmp_path / "package")
    read = open_with("camtrap_dp", tmp_path / "package")
    assert (read["errors"], read["counts"]) == ([], hostile_reef.counted)
    assert "detections in used images outside all deployments with a position" not in written.not_held
    cameras = {row["cameraID"] for row in rows(tmp_path / "package", "deployments")}
    assert cameras == {stay.camera for stay in hostile_reef.pipeline.dataset.deployments}


BREAKS = {
    "a taxon's observation twice": ("observations.csv", lambda text: text + text.splitlines()[1] + "\n", "unique-error"),
    "a deployment is gone": ("deployments.csv", lambda text: "\n".join(text.splitlines()[:-1]) + "\n", "foreign-key"),
    "columns are shuffled": ("media.csv", lambda text: text.replace("mediaID,deploymentID", "deploymentID,mediaID", 1), "incorrect-label"),
    "a count of none": ("observations.csv", lambda text: text.replace(",Coris julis,1,", ",Coris julis,0,"), "constraint-error"),
    "a table without lines of its header": ("media.csv", lambda text: "", "source-error"),
    "no contributor": ("datapackage.json", lambda text: text.replace('"contributors"', '"others"'), "'contributors' is a required property"),
}  # fmt: skip


@pytest.fixture(scope="module")
def refusals(written, tmp_path_factory):
    """What Frictionless says of each broken package."""
    return open_broken("camtrap_dp", written[0], tmp_path_factory.mktemp("broken"), BREAKS)


@pytest.mark.parametrize("broken", BREAKS)
def test_what_is_broken_is_refused(refusals, broken):
    assert any(BREAKS[broken][2] in error for error in refusals[broken])


def test_an_event_counts_the_most_in_any_one_image(written, reef):
    """Of a burst the largest image counts, once; a camera by the clock has no bursts."""
    observations = rows(written[0], "observations")
    in_images = {}
    for row in observations:
        if row["observationLevel"] == "media" and row["observationType"] == "animal":
            place = (row["deploymentID"], row["eventID"], row["scientificName"])
            in_images.setdefault(place, {}).setdefault(row["mediaID"], []).append(row)
    events = {
        (row["deploymentID"], row["eventID"], row["scientificName"]): int(row["count"])
        for row in observations
        if row["observationLevel"] == "event" and row["observationType"] == "animal"
    }
    assert events == {place: max(map(len, images.values())) for place, images in in_images.items()}
    assert {len(images) for place, images in in_images.items() if place[0] == "A/pier"} == {1}
    of_b = {row["eventID"] for row in observations if row["deploymentID"] == "B/wreck"}
    assert len(of_b) == 4 * 2, "10, 25 and 24 minutes lie within half an hour: eight visits of four images"


def test_an_image_with_no_box_at_all_is_blank_and_one_with_others_is_not(reef, tmp_path):
    whole = {row["mediaID"] for row in rows_of(reef, tmp_path / "all") if row["observationType"] == "blank"}
    of_one = rows_of(reef, tmp_path / "one", "taxon=Coris julis")
    assert {row["mediaID"] for row in of_one if row["observationType"] == "blank"} == whole
    assert {row["scientificName"] for row in of_one} == {"", "Coris julis"}


def rows_of(reef, folder, *where):
    reef.write(CAMTRAP_DP, folder, *where)
    return rows(folder, "observations")


def test_positions_are_rounded_and_say_how_far(written, reef, tmp_path):
    """Half of 0.01 degrees is 557 m north, and 419 m east at 41.18 degrees: a corner is 697 m away."""
    [pier, _] = rows(written[0], "deployments")
    assert (pier["latitude"], pier["longitude"], pier["coordinateUncertainty"]) == ("41.18", "1.75", "697")
    assert json.loads((written[0] / "datapackage.json").read_text())["coordinatePrecision"] == 0.01
    exact = {
        name: value for name, value in reef.pipeline.dataset.publish.model_dump().items() if name != "coordinate_digits"
    }
    reef.write(CAMTRAP_DP, tmp_path / "exact", publish=exact)
    [pier, _] = rows(tmp_path / "exact", "deployments")
    assert (pier["latitude"], pier["longitude"], pier["coordinateUncertainty"]) == ("41.18212", "1.75257", "")
    assert "coordinatePrecision" not in json.loads((tmp_path / "exact/datapackage.json").read_text())
    assert all("41.182" not in path.read_text(encoding="utf-8") for path in written[0].iterdir())


def test_times_without_work_stand_in_the_comments_and_are_counted(written):
    [pier, wreck] = rows(written[0], "deployments")
    assert (
        pier["deploymentComments"] == "not working from 2026-06-03T00:00:00Z to 2026-06-04T12:00:00Z: lens, overgrown"
    )
    assert wreck["deploymentComments"] == "not working from 2026-06-04T00:00:00Z to 2026-06-06T00:00:00Z: no power"
    assert written[1]["times in which a camera did not work (in deploymentComments only)"] == 2


def test_a_part_of_the_time_has_deployments_of_that_part(reef, tmp_path):
    reef.write(CAMTRAP_DP, tmp_path / "part", "from=2026-06-02,to=2026-06-03")
    stays = rows(tmp_path / "part", "deployments")
    assert {(row["deploymentStart"], row["deploymentEnd"]) for row in stays} == {
        ("2026-06-02T00:00:00Z", "2026-06-03T00:00:00Z")
    }
    times = [datetime.fromisoformat(row["timestamp"]) for row in rows(tmp_path / "part", "media")]
    assert {time.day for time in times} == {2}


def test_the_same_answer_is_the_same_bytes(written, reef, tmp_path):
    reef.write(CAMTRAP_DP, tmp_path / "again")
    for path in written[0].iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


ASKED = {
    "nothing is said": (
        {"publish": {}},
        [("publish: {project: {title: NAME OF THE PROJECT, sampling_design: opportunistic}, "
          "contributors: [{name: YOUR NAME, role: contact}], licence: CC-BY-4.0}")],
    ),
    "no deployment has a position": (
        {"deployments": [{"name": "pier", "camera": "A"}]},
        ["latitude: 41.18 and longitude: 1.75 in deployments, first in pier of camera A"],
    ),
    "there is no deployment": (
        {"deployments": []},
        ["deployments: [{name: NAME, camera: CAMERA, start: 2026-01-01, latitude: 41.18, longitude: 1.75}]"],
    ),
    "all is said": ({}, []),
}  # fmt: skip


@pytest.mark.parametrize(("changed", "lines"), ASKED.values(), ids=ASKED)
def test_what_the_dataset_file_does_not_say_is_asked_for_in_one_line(reef, changed, lines):
    dataset = reef.pipeline.with_settings(**changed).dataset if changed else reef.pipeline.dataset
    assert CAMTRAP_DP.missing(dataset) == lines


def test_an_image_with_a_person_is_not_public_whatever_taxon_is_asked_for(reef, tmp_path):
    """A person must not become public since another taxon was asked for, and no image of one is blank."""
    folder = tmp_path / "package"
    folder.mkdir()
    key = "B/20260607-050000-B.jpg"
    with open_database(reef.pipeline.stores.results) as database:
        view_answer(database, reef.run.summary, Where(taxa=("Coris julis",)))
        database.run("CREATE TABLE boxes AS FROM stored_detections")
        database.run("UPDATE boxes SET role = 'human', taxon = 'Diver' WHERE key = ?", [key])
        assert database.value("SELECT count(*) FROM boxes WHERE role = 'human'") == 3
        database.run("CREATE OR REPLACE VIEW stored_detections AS FROM boxes")
        CAMTRAP_DP.write(database, reef.answer(), folder, Where(taxa=("Coris julis",)))
    [media] = [row for row in rows(folder, "media") if row["filePath"].endswith(key)]
    assert media["filePublic"] == "false"
    seen = [row for row in rows(folder, "observations") if row["mediaID"] == media["mediaID"]]
    assert {(row["observationType"], row["scientificName"]) for row in seen} == {("human", "")}
    assert sum(row["filePublic"] == "false" for row in rows(folder, "media")) == 2, "and the one that failed"


@pytest.mark.parametrize(
    "today",
    [
        pytest.param({"Coris julis": {"role": "human"}}, id="a person"),
        pytest.param({"Coris julis": {"merge_into": "Person"}, "Person": {"role": "human"}}, id="merged into one"),
    ],
)
def test_who_is_a_person_today_is_no_animal_of_an_older_answer(reef, tmp_path, today):
    """Coris julis was counted as a fish when the run was summarized; other boxes of its images stay animals."""
    reef.write(CAMTRAP_DP, tmp_path / "package", taxa=today)
    package = tmp_path / "package"
    with open_database(reef.pipeline.stores.results) as database:
        view_answer(database, reef.run.summary)
        boxes = "SELECT key FROM {} WHERE class_name = 'Coris julis'"
        counted = {key for (key,) in database.run(boxes.format("detections")).fetchall()}
        people = counted | {key for (key,) in database.run(boxes.format("below")).fetchall()}
    media = {row["mediaID"]: row for row in rows(package, "media")}
    public = {
        row["filePath"].removeprefix("s3://reef-images/") for row in media.values() if row["filePublic"] == "true"
    }
    assert public
    assert not public & {key.replace(" ", "%20") for key in people}
    seen = rows(package, "observations")
    assert "Coris julis" not in {row["scientificName"] for row in seen}
    assert "Coris julis" not in (package / "datapackage.json").read_text()
    humans = {
        media[row["mediaID"]]["filePath"].removeprefix("s3://reef-images/")
        for row in seen
        if row["observationType"] == "human"
    }
    assert humans
    assert humans <= counted


def test_an_event_that_the_time_asked_for_cuts_is_none(reef, tmp_path):
    """B is released at 5:00, 5:10, 5:35 and 5:59; who asks from 5:20 on would get the MaxN of half of it under its name."""
    folder = tmp_path / "part"
    not_held = reef.write(CAMTRAP_DP, folder, "camera=B,from=2026-06-02T05:20:00Z,to=2026-06-03T00:00:00Z").not_held
    assert not_held["events that go on outside the time asked for (their images stand without eventID)"] == 1
    seen = rows(folder, "observations")
    whole = [row for row in rows_of(reef, tmp_path / "all") if row["observationLevel"] == "event"]
    events = [row for row in seen if row["observationLevel"] == "event"]
    assert events == [
        row for row in whole if row["deploymentID"] == "B/wreck" and row["eventStart"][:13] == "2026-06-02T17"
    ]
    cut = {row["mediaID"] for row in rows(folder, "media") if row["timestamp"] < "2026-06-02T06"}
    assert len(cut) == 2
    assert {row["eventID"] for row in seen if row["mediaID"] in cut} == {""}


def test_an_event_that_goes_on_in_another_month_is_seen(reef, tmp_path):
    """The tables of a month are not read for a span beside it, but where an event may reach over."""
    with open_database(reef.pipeline.stores.results) as database:
        view_answer(database, reef.run.summary, Where.parse(["to=2026-06-01"]))
        assert database.value("SELECT count(*) FROM around_images WHERE camera = 'B'") == 32
        view_answer(database, reef.run.summary, Where.parse(["to=2026-05-24"]))
        assert database.value("SELECT count(*) FROM around_images WHERE camera = 'B'") == 0


def written_of(reef, folder, change):
    """Write the package of an answer whose images are changed by a statement."""
    folder.mkdir()
    with open_database(reef.pipeline.stores.results) as database:
        view_answer(database, reef.run.summary, Where())
        for view in ("images", "around_images"):
            database.run(f"CREATE TABLE changed_{view} AS FROM {view}")
            database.run(f"UPDATE changed_{view} SET {change}")
            database.run(f"CREATE OR REPLACE VIEW {view} AS FROM changed_{view}")
        return CAMTRAP_DP.write(database, reef.answer(), folder, Where())


def test_an_answer_of_before_events_is_refused(reef, tmp_path):
    with pytest.raises(
        ConfigError,
        match=r"^Export camtrap-dp: 32 used images of B/wreck have no event, .*: python -m shoal summarize reef --publish$",
    ):
        written_of(reef, tmp_path / "out", "event = NULL")


def test_an_answer_without_a_used_image_says_so(reef, tmp_path):
    with pytest.raises(
        ConfigError, match=r"^Export camtrap-dp: no image asked for was used \(69 failed\) - the run's report says why"
    ):
        written_of(reef, tmp_path / "out", "use = 'failed'")


def test_no_media_lies_outside_its_deployment(reef, tmp_path):
    """The newest image of B failed, and B's deployment has no end: it is known until then."""
    folder = tmp_path / "out"
    written_of(
        reef,
        folder,
        "use = CASE WHEN camera = 'B' AND captured_at >= '2026-06-08' THEN 'failed' ELSE use END, "
        "captured_at = CASE WHEN key = 'B/20260608-175900-B.jpg' THEN TIMESTAMP '2026-06-10' ELSE captured_at END",
    )
    stays = {row["deploymentID"]: row for row in rows(folder, "deployments")}
    for media in rows(folder, "media"):
        stay = stays[media["deploymentID"]]
        assert stay["deploymentStart"] <= media["timestamp"] <= stay["deploymentEnd"]
    assert stays["B/wreck"]["deploymentEnd"] == "2026-06-10T00:00:00Z"


def test_a_package_of_nothing_is_refused_in_one_line(reef, tmp_path):
    with open_database(reef.pipeline.stores.results) as database:
        found = Where.parse(["camera=D"])
        view_answer(database, reef.run.summary, found)
        with pytest.raises(
            ConfigError, match=r"^Export camtrap-dp: no image asked for lies in a deployment with a position - give"
        ):
            CAMTRAP_DP.write(database, reef.answer(), tmp_path, found)
    assert list(tmp_path.iterdir()) == []


def test_a_taxon_without_an_aphia_id_is_known_by_its_key_in_gbif(reef, tmp_path):
    taxa = {name: one.model_dump(mode="json") for name, one in reef.pipeline.dataset.taxa.items()}
    taxa["Coris julis"] |= {"gbif_key": 2383573}
    taxa["Chromis chromis"] |= {"gbif_key": 2397208}
    with open_database(reef.pipeline.stores.results) as database:
        view_answer(database, reef.run.summary, Where())
        database.run("CREATE TABLE boxes AS FROM detections")
        database.run("UPDATE boxes SET aphia_id = NULL WHERE taxon = 'Coris julis'")
        database.run("CREATE OR REPLACE VIEW detections AS FROM boxes")
        CAMTRAP_DP.write(database, reef.answer(taxa=taxa), tmp_path, Where())
    described = json.loads((tmp_path / "datapackage.json").read_text(encoding="utf-8"))
    ids = {one["scientificName"]: one["taxonID"] for one in described["taxonomic"]}
    assert ids["Coris julis"] == "https://www.gbif.org/species/2383573"
    assert ids["Chromis chromis"] == "urn:lsid:marinespecies.org:taxname:127000"
