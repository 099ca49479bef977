"""COCO and MegaDetector's batch results: opened by pycocotools and by MegaDetector's validator, boxes those of the summary."""

import pytest

from field import open_broken, open_with
from shoal.exports.export import find_afterwards


@pytest.fixture(scope="module", params=["coco", "megadetector"])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def written(kind, reef, tmp_path_factory):
    folder = tmp_path_factory.mktemp(kind) / "package"
    reef.write(find_afterwards(kind, {}), folder)
    return folder


def whole(reef):
    """The boxes of used images, and of the one without a time, which these formats hold, too."""
    undated = {one["taxon"]: one["detections"] for one in reef.result["undated_species"]}
    return {taxon: count + undated.get(taxon, 0) for taxon, count in reef.counted.items()}


def test_it_is_opened_and_has_every_box(kind, reef, written):
    read = open_with(kind, written)
    assert (read["errors"], read["counts"]) == ([], whole(reef))
    if kind == "megadetector":
        assert (read["failed"], read["images"]) == (["A/20260605-070000-A bad.jpg"], 68)
    else:
        assert len(read["images"]) == 67


def test_hostile_names_come_back_as_they_are(kind, hostile_reef, tmp_path):
    hostile_reef.write(find_afterwards(kind, {}), tmp_path / "package")
    read = open_with(kind, tmp_path / "package")
    assert (read["errors"], read["counts"]) == ([], hostile_reef.counted)


BREAKS = {
    "coco": {
        "a result of no image": ("coco-results.json", lambda text: text.replace('"image_id":', '"image_id":9', 1), "AssertionError"),
        "half of the dataset": ("coco.json", lambda text: text[: len(text) // 2], "JSONDecodeError"),
        "a box less": ("coco-results.json", lambda text: "[\n" + text.split("\n", 2)[2], "dataset and results differ"),
    },
    "megadetector": {
        "a score that is a text": ("megadetector.json", lambda text: text.replace('"conf":', '"conf":"high","was":', 1), "conf"),
        "a category of no name": ("megadetector.json", lambda text: text.replace('"category":"1"', '"category":"99"', 1), "99"),
        "no version": ("megadetector.json", lambda text: text.replace('"format_version"', '"version"', 1), "format version"),
    },
}  # fmt: skip


def test_what_is_broken_is_refused(kind, written, tmp_path):
    breaks = BREAKS[kind]
    refusals = open_broken(kind, written, tmp_path, breaks)
    unseen = {name: said for name, said in refusals.items() if not any(breaks[name][2] in error for error in said)}
    assert unseen == {}
