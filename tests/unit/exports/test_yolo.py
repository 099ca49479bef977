"""YOLO: opened by the rules of its documentation and by supervision, boxes those of the summary, and what is broken is refused."""

import csv

import pytest
from PIL import Image

from field import open_broken, open_with
from shoal.exports.export import find_afterwards

YOLO = find_afterwards("yolo", {})


def lines_of(folder):
    with (folder / "images.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def lay_images(folder):
    """As whoever trains lays them: under the names that images.csv says."""
    for line in lines_of(folder):
        path = folder / "images" / line["image"]
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (640, 480)).save(path, "JPEG")


@pytest.fixture(scope="module")
def written(reef, tmp_path_factory):
    folder = tmp_path_factory.mktemp("yolo") / "package"
    reef.write(YOLO, folder)
    lay_images(folder)
    return folder


def test_it_is_opened_and_has_every_box(reef, written):
    undated = {one["taxon"]: one["detections"] for one in reef.result["undated_species"]}
    read = open_with("yolo", written)
    assert read["errors"] == []
    assert read["counts"] == {taxon: count + undated.get(taxon, 0) for taxon, count in reef.counted.items()}
    assert sum(read["parts"].values()) == 67


def test_hostile_names_have_names_that_it_opens(hostile_reef, tmp_path):
    hostile_reef.write(YOLO, tmp_path / "package")
    lay_images(tmp_path / "package")
    read = open_with("yolo", tmp_path / "package")
    assert (read["errors"], read["counts"]) == ([], hostile_reef.counted)


def test_no_day_is_in_both_parts(written):
    """A model that is looked at with the neighbours of what it learnt from seems better than it is."""
    parts = {}
    for line in lines_of(written):
        day = line["key"].split("/")[-1][:8] if "2026" in line["key"] else "none"
        parts.setdefault(line["part"], set()).add(day)
    # The images were taken on eight days from the first of June on: the last of fewer than ten is looked at.
    assert parts["val"] == {"20260608"}
    assert parts["train"] == {f"2026060{day}" for day in range(1, 8)} | {"none"}


BREAKS = {
    "no list of what is learnt from": ("data.yaml", lambda text: text.replace("train:", "training:"), "no train"),
    "a path": ("data.yaml", lambda text: f"path: .\n{text}", "has the path '.'"),
    "a class less": ("data.yaml", lambda text: text.replace("  0:", "  7:"), "not 0 to 2"),
    "an image that is not there": ("val.txt", lambda text: text.replace("-B.jpg", "-C.jpg", 1), "it is no image"),
    "a label of the folder beside": ("train.txt", lambda text: text.replace("./images/A/", "./images/B/", 1), "it has no label"),
    "a box as corners in pixels": ("labels/B/20260608-050000-B.txt", lambda text: f"{text}0 12 15 300 200\n", "no middle and size"),
    "a class that is not there": ("labels/B/20260608-050000-B.txt", lambda text: f"{text}9 0.5 0.5 0.1 0.1\n", "no class 9"),
    "half of a line": ("labels/B/20260608-050000-B.txt", lambda text: f"{text}0 0.5 0.5\n", "no middle and size"),
    "a score behind a box": ("labels/B/20260608-050000-B.txt", lambda text: f"{text}0 0.5 0.5 0.1 0.1 0.9\n", "no middle and size"),
}  # fmt: skip


def test_what_is_broken_is_refused(written, tmp_path):
    refusals = open_broken("yolo", written, tmp_path, BREAKS)
    unseen = {name: said for name, said in refusals.items() if not any(BREAKS[name][2] in error for error in said)}
    assert unseen == {}
