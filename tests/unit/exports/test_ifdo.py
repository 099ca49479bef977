"""iFDO: read by its JSON schemas and the community's package, boxes those of the summary, the same bytes each time."""

import hashlib
import json
import re
import uuid
from dataclasses import replace

import pytest

from field import open_broken, open_with
from shoal.answers.views import view_answer
from shoal.answers.where import Where
from shoal.exports.ifdo import IFDO
from shoal.results.stored_plan import StoredPlan
from shoal.tables.session import open_database

NOWHERE = "detections in used images outside all deployments with a position"


@pytest.fixture(scope="module")
def written(reef, tmp_path_factory):
    """The image set of the plain reef, and what it could not hold."""
    folder = tmp_path_factory.mktemp("ifdo") / "package"
    return folder, reef.write(IFDO, folder).not_held


def test_its_schemas_and_models_take_it_and_it_has_the_boxes_of_the_summary(reef, written):
    read = open_with("ifdo", written[0])
    assert read["errors"] == []
    assert read["boxes"] == sum(read["counts"].values())
    assert read["boxes"] + written[1][NOWHERE] == sum(reef.counted.values())
    assert written[1]["images that are not used, as unusable or failed"] == 1
    blank = [item for item in read["items"].values() if not item["image-annotations"]]
    assert len(blank) == 17, "an image in which nothing was found says so"


def test_hostile_names_come_back_as_they_are(hostile_reef, tmp_path):
    hostile_reef.write(IFDO, tmp_path / "package")
    read = open_with("ifdo", tmp_path / "package")
    assert (read["errors"], read["counts"]) == ([], hostile_reef.counted)
    assert len(read["items"]) == 17
    assert max(len(key.encode()) for key in read["items"]) == 1024


def test_an_image_has_its_own_time_place_and_an_identifier_of_its_key_and_version(written, reef):
    described = json.loads((written[0] / "ifdo.json").read_text(encoding="utf-8"))
    item = described["image-set-items"]["B/20260607-050000-B.jpg"]
    assert (item["image-datetime"], item["image-event"], item["image-sensor"]) == (
        "2026-06-07 05:00:00.000", {"name": "wreck"}, {"name": "B"},
    )  # fmt: skip
    assert (item["image-latitude"], item["image-longitude"], item["image-altitude-meters"]) == (41.3, 1.9, -12.5)
    [version] = [found.object_version for found in reef.pipeline.stores.source.list_objects("B/20260607-050000-B.jpg")]
    digest = hashlib.sha256(f"B/20260607-050000-B.jpg\n{version}".encode()).digest()
    assert item["image-uuid"] == str(uuid.UUID(bytes=digest[:16], version=4))
    assert described["image-set-header"]["image-set-ifdo-version"] == "v2.1.0"


def test_how_good_positions_are_is_said_by_who_rounds_them(written, reef):
    """41.20000 in a dataset file is 41.2: digits tell nothing, and a set must say it."""
    publish = reef.pipeline.dataset.publish.model_dump(exclude_none=True, exclude_defaults=True)
    exact = reef.pipeline.with_settings(publish={**publish, "coordinate_digits": None}).dataset
    assert IFDO.missing(exact) == ["publish: {coordinate_digits: 4}"]
    assert IFDO.missing(reef.pipeline.with_settings(publish={**publish, "coordinate_digits": 0}).dataset) == []
    items = json.loads((written[0] / "ifdo.json").read_text(encoding="utf-8"))["image-set-items"]
    assert {item["image-coordinate-uncertainty-meters"] for key, item in items.items() if key[0] == "A"} == {697}


BREAKS = {
    "a uuid of another version": ("ifdo.json", lambda text: re.sub(r'(image-uuid":"[0-9a-f-]{14})4', r"\g<1>5", text, count=1), "53df-b152-f26f4214baca' does not match"),
    "no hash": ("ifdo.json", lambda text: text.replace("image-hash-sha256", "image-hash", 1), "'image-hash-sha256' is a required property"),
    "no handle of the set": ("ifdo.json", lambda text: text.replace("image-set-handle", "handle", 1), "'image-set-handle' is a required property"),
    "an annotation without a time": ("ifdo.json", lambda text: text.replace('"created-at"', '"created"', 1), "'created-at' is a required property"),
    "a moment that is none": ("ifdo.json", lambda text: re.sub(r'("created-at":")[^"]*', r"\g<1>this morning", text, count=1), "'this morning' is not a 'date-time'"),
    "an address with a blank": ("ifdo.json", lambda text: text.replace("s3://reef-images/", "s3://reef images/", 1), "is not a 'uri'"),
    "half of it": ("ifdo.json", lambda text: text[: len(text) // 2], "no JSON"),
}  # fmt: skip


@pytest.fixture(scope="module")
def refusals(written, tmp_path_factory):
    return open_broken("ifdo", written[0], tmp_path_factory.mktemp("broken"), BREAKS)


@pytest.mark.parametrize("broken", BREAKS)
def test_what_is_broken_is_refused(refusals, broken):
    assert any(BREAKS[broken][2] in error for error in refusals[broken]), refusals[broken]


def test_the_same_answer_is_the_same_bytes(written, reef, tmp_path):
    reef.write(IFDO, tmp_path / "again")
    assert (written[0] / "ifdo.json").read_bytes() == (tmp_path / "again/ifdo.json").read_bytes()


def test_handle_and_depth_are_asked_for(reef):
    dataset = reef.pipeline.dataset
    said = {**dataset.publish.model_dump(exclude_none=True, exclude_defaults=True), "handle": None}
    stays = [{**stay.model_dump(mode="json"), "depth_m": None} for stay in dataset.deployments]
    assert IFDO.missing(reef.pipeline.with_settings(publish=said, deployments=stays).dataset) == [
        "publish: {handle: https://hdl.handle.net/YOUR/SET}",
        "depth_m: 20.0 in deployments with a position, first in pier of camera A",
    ]


def test_two_taxa_with_one_aphia_id_stay_two(reef, tmp_path):
    """Readers know a label by its identifier."""
    folder, where = tmp_path / "out", Where()
    folder.mkdir()
    with open_database(reef.pipeline.stores.results) as database:
        view_answer(database, reef.run.summary, where)
        database.run("CREATE TABLE boxes AS FROM detections")
        database.run("UPDATE boxes SET aphia_id = 126963 WHERE taxon = 'Chromis chromis'")
        database.run("CREATE OR REPLACE VIEW detections AS FROM boxes")
        IFDO.write(database, reef.answer(), folder, where)
    described = json.loads((folder / "ifdo.json").read_text(encoding="utf-8"))
    ids = {label["name"]: label["id"] for label in described["image-set-header"]["image-annotation-labels"]}
    assert ids == {
        "Chromis chromis": "Chromis chromis",
        "Coris julis": "Coris julis",
        "Diplodus vulgaris": "urn:lsid:marinespecies.org:taxname:127054",
    }


def test_who_says_what_a_box_shows_is_the_model_that_named_it(reef, tmp_path):
    then = {"name": "species", "version": "s1", "key": "species/s1/model.onnx", "sha256": "5" * 64}
    names = reef.run.plan.json["names"]
    plan = {**reef.run.plan.json, "then": {**then, "names": names, "first_classes": len(names)}}
    answer = replace(reef.answer(), plan=StoredPlan.parse(plan))
    with open_database(reef.pipeline.stores.results) as database:
        view_answer(database, reef.run.summary, Where())
        database.run("CREATE TABLE boxes AS FROM detections")
        database.run(
            "UPDATE boxes SET reclassified = {'class_id': class_id, 'confidence': 0.5} WHERE taxon = 'Coris julis'"
        )
        database.run("CREATE OR REPLACE VIEW detections AS FROM boxes")
        IFDO.write(database, answer, tmp_path, Where())
    described = json.loads((tmp_path / "ifdo.json").read_text(encoding="utf-8"))
    header = described["image-set-header"]
    known = {one["id"]: one["name"] for one in header["image-annotation-creators"] + header["image-annotation-labels"]}
    assert {
        (known[label["label"]], known[label["annotator"]])
        for item in described["image-set-items"].values()
        for annotation in item["image-annotations"]
        for label in annotation["labels"]
    } == {
        ("Chromis chromis", "demo-fish v1, a machine"),
        ("Coris julis", "species s1, a machine"),
        ("Diplodus vulgaris", "demo-fish v1, a machine"),
    }


def test_an_image_of_other_taxa_is_left_out_where_a_part_of_them_is_asked_for(reef, tmp_path):
    whole, part = tmp_path / "whole", tmp_path / "part"
    reef.write(IFDO, whole)
    not_held = reef.write(IFDO, part, "taxon=Coris julis").not_held
    items, some = (
        json.loads((folder / "ifdo.json").read_text(encoding="utf-8"))["image-set-items"] for folder in (whole, part)
    )
    empty = {key for key, item in some.items() if not item["image-annotations"]}
    assert empty == {key for key, item in items.items() if not item["image-annotations"]}
    assert len(some) < len(items)
    assert not_held["images that show other taxa only"] >= len(items) - len(some)
