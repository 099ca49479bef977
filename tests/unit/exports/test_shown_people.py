"""People of today's dataset file in packages of an older answer: in none of them, and none where its tables do not tell."""

import csv
import io
import json
import zipfile
from dataclasses import replace

import pytest

from shoal.answers.views import view_answer
from shoal.answers.where import Where
from shoal.contract.errors import ConfigError
from shoal.exports.export import find_afterwards
from shoal.tables.session import open_database

TODAY = {"Coris julis": {"merge_into": "Person"}, "Person": {"role": "human"}}
OF_IMAGES = ("camtrap-dp", "coco", "darwin-core", "ifdo", "megadetector", "yolo")


@pytest.mark.parametrize("name", OF_IMAGES)
def test_an_answer_that_left_people_out_of_its_tables_is_not_exported(reef, tmp_path, name):
    then = {"Coris julis": {"merge_into": "stuff"}, "stuff": {"role": "ignore"}}
    answer = reef.answer(taxa=TODAY)
    answer = replace(answer, result={**answer.result, "settings": {**answer.result["settings"], "taxa": then}})
    with open_database(reef.pipeline.stores.results) as database:
        view_answer(database, reef.run.summary)
        with pytest.raises(ConfigError, match=r"class 'Coris julis', now human, .* summarize reef --publish$"):
            find_afterwards(name, {}).write(database, answer, tmp_path, Where())
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def people(reef):
    """Keys of used images with a box that is one of a person today, at whatever score."""
    with open_database(reef.pipeline.stores.results) as database:
        view_answer(database, reef.run.summary)
        seen = "SELECT key FROM {} WHERE class_name = 'Coris julis' AND use = 'used'"
        return {key for view in ("detections", "below") for (key,) in database.run(seen.format(view)).fetchall()}


def test_an_image_set_has_no_image_and_no_label_of_them(reef, people, tmp_path):
    reef.write(find_afterwards("ifdo", {}), tmp_path / "ifdo", taxa=TODAY)
    text = (tmp_path / "ifdo" / "ifdo.json").read_text(encoding="utf-8")
    items = json.loads(text)["image-set-items"].keys()
    assert items
    assert not items & people
    assert "Coris julis" not in text


def test_they_are_no_occurrence_and_their_days_stay_effort(reef, people, tmp_path):
    before = reef.write(find_afterwards("darwin-core", {}), tmp_path / "before")
    after = reef.write(find_afterwards("darwin-core", {}), tmp_path / "after", taxa=TODAY)

    def rows(folder, table):
        with zipfile.ZipFile(folder / "darwin-core.zip") as archive:
            return list(csv.DictReader(io.StringIO(archive.read(table).decode())))

    was, now = rows(tmp_path / "before", "occurrence.csv"), rows(tmp_path / "after", "occurrence.csv")
    left_out = [row for row in was if row["scientificName"] == "Coris julis"]
    assert left_out
    assert [row["occurrenceID"] for row in now] == [row["occurrenceID"] for row in was if row not in left_out]
    assert rows(tmp_path / "after", "event.csv") == rows(tmp_path / "before", "event.csv")
    assert not {row["associatedMedia"].removeprefix("s3://reef-images/") for row in now} & people
    assert before.not_held | {"occurrences of taxa that people were counted as": len(left_out)} == after.not_held
