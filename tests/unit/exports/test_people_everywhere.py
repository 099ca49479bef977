"""Every export and people: none of their images is shown, none of their boxes is an animal, and no series counts them.

Who is a person is said by the run, or by the dataset file of today of an answer in which that class was a fish; also by what it
is merged into. An image that shows a class of role `exclude_image` is in no number.
"""

import csv
import io
import json
import zipfile
from collections import Counter
from urllib.parse import unquote

import pytest
import yaml

from published_answer import PLAIN, plain_keys, published_answer
from shoal.answers.views import view_answer
from shoal.exports.export import BY_MONTH, PACKAGES, find_afterwards
from shoal.tables.session import open_database

SAID = {**PLAIN["taxa"], "Coris julis": {"role": "human"}, "Chromis chromis": {"role": "exclude_image"}}
TODAY = {
    "a person": {"Coris julis": {"role": "human"}},
    "merged into one": {"Coris julis": {"merge_into": "Person"}, "Person": {"role": "human"}},
}
EXPORTS = {**BY_MONTH, **PACKAGES}
OF_SERIES = {"camtrapr", "long", "xlsx"}
"""They hold numbers and no image, so that the fish of an image with people in it are in them."""

_BUCKET = "s3://reef-images/"


@pytest.fixture(scope="module")
def divers(demo_models, tmp_path_factory):
    """An answer that was counted with a class of people, and one that makes images unusable."""
    folder = tmp_path_factory.mktemp("divers")
    with published_answer(folder, demo_models["v1"], plain_keys(), {**PLAIN, "taxa": SAID}) as published:
        yield published


def table(folder, name, **dialect):
    with (folder / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, **dialect))


def read_camtrap_dp(folder):
    public = {row["filePath"] for row in table(folder, "media.csv") if row["filePublic"] == "true"}
    seen = [row for row in table(folder, "observations.csv") if row["observationLevel"] == "media"]
    assert all(bool(row["scientificName"]) == (row["observationType"] == "animal") for row in seen)
    return public, Counter(row["scientificName"] for row in seen if row["scientificName"])


def read_camtrapr(folder):
    counts = Counter()
    for row in table(folder, "recordTable.csv"):
        counts[row["Species"]] += int(row["count"])
    return set(), counts


def read_coco(folder):
    data = json.loads((folder / "coco.json").read_text(encoding="utf-8"))
    names = {one["id"]: one["name"] for one in data["categories"]}
    return {one["file_name"] for one in data["images"]}, Counter(
        names[one["category_id"]] for one in data["annotations"]
    )


def read_darwin_core(folder):
    with zipfile.ZipFile(folder / "darwin-core.zip") as archive:
        seen, measured = (
            list(csv.DictReader(io.StringIO(archive.read(name).decode())))
            for name in ("occurrence.csv", "measurement.csv")
        )
    names = {row["occurrenceID"]: row["scientificName"] for row in seen}
    counts = Counter()
    for row in measured:
        if row["measurementType"] == "detections":
            counts[names[row["occurrenceID"]]] += int(row["measurementValue"])
    return {row["associatedMedia"] for row in seen if row["associatedMedia"]}, counts


def read_ifdo(folder):
    data = json.loads((folder / "ifdo.json").read_text(encoding="utf-8"))
    names = {one["id"]: one["name"] for one in data["image-set-header"]["image-annotation-labels"]}
    boxes = [box for item in data["image-set-items"].values() for box in item["image-annotations"]]
    return set(data["image-set-items"]), Counter(names[label["label"]] for box in boxes for label in box["labels"])


def read_long(folder):
    counts = Counter()
    for row in table(folder, "long.csv"):
        counts[row["taxon"]] += int(row["count"])
    return set(), counts


def read_megadetector(folder):
    data = json.loads((folder / "megadetector.json").read_text(encoding="utf-8"))
    held = [image for image in data["images"] if "failure" not in image]
    boxes = (box for image in held for box in image["detections"])
    return {image["file"] for image in held}, Counter(data["detection_categories"][box["category"]] for box in boxes)


def read_xlsx(folder):
    counts = Counter()
    for row in table(folder, "counts-day.csv", delimiter=";"):
        for taxon in list(row)[5:]:
            counts[taxon] += int(row[taxon] or 0)
    return set(), counts


def read_yolo(folder):
    names, counts = yaml.safe_load((folder / "data.yaml").read_text(encoding="utf-8"))["names"], Counter()
    lines = table(folder, "images.csv")
    for line in lines:
        labels = (folder / "labels" / line["label"]).read_text(encoding="utf-8").splitlines()
        counts.update(names[int(label.split()[0])] for label in labels)
    return {line["key"] for line in lines}, counts


READERS = {name: globals()[f"read_{name.replace('-', '_')}"] for name in EXPORTS}


def read(name, answer, folder, **changed):
    written = answer.write(find_afterwards(name, {"csv": "excel"} if name == "xlsx" else {}), folder, **changed)
    shown, counts = READERS[name](folder)
    return {unquote(key.removeprefix(_BUCKET)) for key in shown}, +counts, written.not_held


class Known:
    """What the tables of an answer say, read once."""

    def __init__(self, answer):
        self.answer = answer
        with open_database(answer.pipeline.stores.results) as database:
            view_answer(database, answer.run.summary)

            def keys(query):
                return {key for (key,) in database.run(query).fetchall()}

            of_class = "SELECT key FROM {} WHERE class_name = 'Coris julis'"
            self.people = keys(f"{of_class.format('detections')} UNION {of_class.format('below')}")
            self.unusable = keys("SELECT key FROM images WHERE use = 'unusable'")
            self.excluded = keys("SELECT key FROM detections WHERE role = 'exclude_image'")
            self.boxes = database.run(
                "SELECT key, taxon, use, camera IN ('A', 'B') AND captured_at IS NOT NULL FROM detections WHERE role = 'count'"
            ).fetchall()

    def expected(self, name, taxa):
        """Count the boxes that a format has a place for: in Camtrap DP fish beside people are observations of an image that
        is not public, and so they are in Darwin Core."""
        placed = name in {"camtrap-dp", "darwin-core", "ifdo"}
        hidden = self.people if name not in OF_SERIES | {"camtrap-dp", "darwin-core"} else ()
        uses = {"used"} if placed or name in OF_SERIES else {"used", "undated"}
        return Counter(
            taxon
            for key, taxon, use, has_place in self.boxes
            if taxon in taxa and key not in hidden and use in uses and (has_place or not placed)
        )


@pytest.fixture(scope="module")
def of_divers(divers):
    return Known(divers)


@pytest.fixture(scope="module")
def of_reef(reef):
    return Known(reef)


@pytest.mark.parametrize("name", sorted(EXPORTS))
def test_people_of_the_run_and_images_that_a_class_excludes(of_divers, tmp_path, name):
    assert of_divers.unusable >= of_divers.excluded
    assert len(of_divers.people - of_divers.unusable) > 5
    shown, counts, _ = read(name, of_divers.answer, tmp_path / "out")
    assert not shown & (of_divers.people | of_divers.unusable)
    assert bool(shown) == (name not in OF_SERIES)
    assert counts == of_divers.expected(name, {"Diplodus vulgaris"}) != {}


CASES = [(name, said) for said in TODAY for name in sorted(EXPORTS) if said == "merged into one" or name in OF_SERIES]


@pytest.mark.parametrize(("name", "said"), CASES)
def test_people_of_today_in_an_answer_that_counted_them(of_reef, tmp_path, name, said):
    shown, counts, not_held = read(name, of_reef.answer, tmp_path / "out", taxa={**PLAIN["taxa"], **TODAY[said]})
    assert not shown & of_reef.people
    assert counts == of_reef.expected(name, {"Chromis chromis", "Diplodus vulgaris"}) != {}
    if name in OF_SERIES:
        counted = of_reef.answer.counted["Coris julis"]
        assert not_held["detections of taxa that people were counted as"] == counted
