"""What the readers of people's labels understand of a file, and what they refuse rather than take for an empty image."""

import json
from dataclasses import replace

import pytest

from shoal.contract.errors import ConfigError
from shoal.evidence.labels import open_labels
from shoal.evidence.one_word import add_to, who_said, word_of
from shoal.evidence.taxon_names import TaxonWords


def read(path, text):
    path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
    _, kind, opened = open_labels(path)
    return list(kind.read(opened))


def counted(said):
    return {box.label: box.individuals for box in said.boxes}


def test_counters_are_understood_as_programs_write_them(tmp_path):
    lines = "File,RelativePath,Cod,Temperature,Species,Taxon,Count\n"
    lines += "1.jpg,a,3.0,14.5,,,\n2.jpg,a,0.0,-2,,,\n3.jpg,a,many,,,,\n4.jpg,a,,,Hare,Coris julis,2.0\n"
    first, empty, odd, named = read(tmp_path / "a.csv", lines)
    assert (counted(first), first.counters, dict(first.no_counts)) == ({"Cod": 3}, ("Cod",), {"Temperature": "14.5"})
    assert (counted(empty), empty.counters, dict(empty.no_counts)) == ({}, ("Cod",), {"Temperature": "-2"})
    assert (odd.counters, dict(odd.no_counts)) == ((), {"Cod": "many"})
    assert counted(named) == {"Hare": 2}, "the first of two columns for a species, however sets are ordered"


def task(*results):
    return [{"data": {"image": "a/1.jpg"}, "annotations": [{"id": 1, "result": list(results)}]}]


PLACE = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0}


def test_label_studio_s_fields_are_read_and_remarks_passed_over(tmp_path):
    results = [
        {"type": "taxonomy", "id": "1", "value": {**PLACE, "taxonomy": [["Fish", "Coris julis"]]}},
        {"type": "rectangle", "id": "1", "value": PLACE},
        {"type": "number", "from_name": "Chromis chromis", "value": {"number": 3.0}},
        {"type": "number", "from_name": "depth", "value": {"number": 7.5}},
        {"type": "textarea", "from_name": "remark", "value": {"text": ["murky"]}},
        {"type": "rating", "from_name": "quality", "value": {"rating": 2}},
    ]
    (said,) = read(tmp_path / "a.json", task(*results))
    assert counted(said) == {"Coris julis": 1, "Chromis chromis": 3}
    assert [box.xyxy for box in said.boxes if box.xyxy] == [pytest.approx((0.1, 0.2, 0.4, 0.6))]
    assert dict(said.no_counts) == {"depth": "7.5"}


def test_a_region_of_label_studio_is_one_animal_however_often_it_is_called_so_and_a_turned_one_has_a_box_around_it(
    tmp_path,
):
    region = {"id": "r", "original_width": 200, "original_height": 100}
    turned = {"x": 50, "y": 10, "width": 20, "height": 20, "rotation": 90}
    results = [
        {**region, "type": "rectanglelabels", "value": {**turned, "rectanglelabels": ["Coris julis"]}},
        {**region, "type": "choices", "value": {**turned, "choices": ["coris julis", "juvenile"]}},
        {"id": "s", "type": "rectanglelabels", "value": {**turned, "rectanglelabels": ["Coris julis"]}},
    ]
    (said,) = read(tmp_path / "a.json", task(*results))
    assert [box.label for box in said.boxes] == ["Coris julis", "juvenile", "Coris julis"]
    # 40 px by 20, turned to the right about its upper left corner: 20 px to its left, 40 down. Without sides nobody knows.
    assert said.boxes[0].xyxy == pytest.approx((0.4, 0.1, 0.5, 0.5))
    assert said.boxes[2].xyxy is None


def folder_of(path, line, **classes):
    path.mkdir()
    for name, text in classes.items():
        (path / name.replace("_", ".")).write_text(text, encoding="utf-8")
    (path / "a.txt").write_text(line + "\n", encoding="utf-8")
    _, kind, opened = open_labels(path)
    return next(kind.read(opened)).boxes[0]


@pytest.mark.parametrize("points", [2, 3, 4])
def test_key_points_behind_a_box_of_yolo_are_no_outline(points, tmp_path):
    line = "0 0.5 0.5 0.2 0.1" + " 0.45 0.48 2" * points
    box = folder_of(tmp_path / "a", line, data_yaml=f"names: [fish]\nkpt_shape: [{points}, 3]\n")
    assert box.xyxy == pytest.approx((0.4, 0.45, 0.6, 0.55))
    with pytest.raises(ConfigError, match="points of kpt_shape has 20"):
        folder_of(tmp_path / "b", line, data_yaml="names: [fish]\nkpt_shape: [5, 3]\n")
    with pytest.raises(ConfigError, match="kpt_shape beside the files" if points % 2 == 0 else "no outline"):
        folder_of(tmp_path / "c", line, classes_txt="fish\n")


def test_a_class_of_yolo_is_a_line_of_its_list_also_behind_an_empty_one(tmp_path):
    names = "Coris julis\n\nDiplodus vulgaris\n"
    assert folder_of(tmp_path / "a", "2 .5 .5 .2 .2", classes_txt=names).label == "Diplodus vulgaris"
    for place, number in enumerate(("1", "3", "0.9")):
        with pytest.raises(ConfigError, match=f"is of class {number}, which has no name"):
            folder_of(tmp_path / f"b{place}", f"{number} .5 .5 .2 .2", classes_txt=names)


def test_taxa_that_differ_in_case_or_blanks_alone_are_told_apart_by_their_spelling():
    words = TaxonWords(
        {"Diplodus": "Diplodus", "diplodus ": "diplodus ", "Coris": "Coris julis", "coris julis": "Coris julis"}
    )
    assert {
        word: words.get(word) for word in ("Diplodus", "diplodus ", " diplodus", "DIPLODUS", " CORIS", "Coris Julis")
    } == {
        "Diplodus": "Diplodus",
        "diplodus ": "diplodus ",
        " diplodus": "diplodus ",
        "DIPLODUS": None,
        " CORIS": "Coris julis",
        "Coris Julis": "Coris julis",
    }


@pytest.mark.parametrize(
    ("result", "message"),
    [
        pytest.param({"type": "rectangle", "id": "1", "value": PLACE}, "has a rectangle without a label", id="a region alone"),
        pytest.param({"type": "rectanglelabels", "value": PLACE}, "has a rectanglelabels without a label", id="a label taken away"),
        pytest.param({"type": "ranker", "value": {"ranker": {}}}, "has a ranker without a label", id="something new"),
    ],
)  # fmt: skip
def test_what_may_be_an_animal_is_refused_and_no_empty_image(tmp_path, result, message):
    with pytest.raises(ConfigError, match=message):
        read(tmp_path / "a.json", task(result))


def coco(boxes, **image):
    return {
        "images": [{"id": 1, "file_name": "a/1.jpg", **image}, {"id": 2, "file_name": "a/2.jpg", **image}],
        "categories": [{"id": 1, "name": "Cod"}],
        "annotations": [{"id": 1, "category_id": 1, "bbox": [10, 20, 30, 40], **box} for box in boxes],
    }


def test_boxes_with_a_score_are_not_taken_for_a_person_s(tmp_path):
    boxes = [{"image_id": 1}, {"image_id": 1, "score": 0.9}, {"image_id": 2, "score": None}]
    models, persons = read(tmp_path / "a.json", coco(boxes))
    assert (models.looked, len(models.boxes), persons.looked) == (None, 2, True)


def test_species_line_by_line_belong_together_within_a_file_alone(tmp_path):
    lines = "File,RelativePath,Species,Count\n1.jpg,a,Cod,3\n1.jpg,a,Hare,1\n"
    of_files = [replace(one, source=file) for file in (0, 1) for one in read(tmp_path / "a.csv", lines)]
    parts, replaced = {}, []
    for one in of_files:
        parts, took_its_place = add_to(parts, one)
        replaced.append(took_its_place)
    assert counted(word_of(parts)) == {"Cod": 3, "Hare": 1}
    assert replaced == [False, False, True, False]


@pytest.mark.parametrize(
    ("completed_by", "by", "several", "who"),
    [
        pytest.param({"id": 1, "email": "ana@example.org"}, "Bea", False, "ana@example.org", id="an address is somebody"),
        pytest.param(1, "Bea", False, "Bea", id="a number yields to a name"),
        pytest.param({"id": 1}, "Bea", True, "Bea/annotator 1", id="one name is not enough for two"),
        pytest.param(1, "", True, "annotator 1", id="a number is better than nobody"),
        pytest.param(None, "Bea", False, "Bea", id="the file does not say"),
    ],
)  # fmt: skip
def test_a_number_of_an_installation_is_nobody_elsewhere(tmp_path, completed_by, by, several, who):
    tasks = task()
    tasks[0]["annotations"][0]["completed_by"] = completed_by
    (said,) = read(tmp_path / "a.json", tasks)
    assert who_said(said, by, several=several) == who
