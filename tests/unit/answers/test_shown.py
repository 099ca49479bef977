"""What is shown of an answer over hostile names: each image is found by its key, and each caption can be drawn."""

import io

import pytest
from PIL import Image

from hostile_answer import HOSTILE_TAXON
from shoal.answers.find import find_run
from shoal.answers.shown import ShownAnswer
from shoal.answers.views import view_answer
from shoal.contract.errors import ConfigError
from shoal.pictures.drawing import Drawn
from shoal.pictures.tiles import lay_out
from shoal.settings.analysis import Taxon
from shoal.tables.session import open_database


@pytest.fixture(scope="module")
def database(hostile):
    with open_database(hostile.results) as database:
        view_answer(database, find_run(hostile.results, hostile.layout).summary)
        yield database


@pytest.fixture
def show(database, hostile):
    return lambda **taxa: ShownAnswer(database, hostile.done.stored, taxa)


def test_every_image_is_found_by_its_key_with_the_boxes_it_has(show, database):
    answer = show()
    keys = [key for (key,) in database.run("SELECT key FROM images ORDER BY key LIMIT 25").fetchall()]
    for key in keys:
        image = answer.find_image(key)
        assert image.key == key
        counted = database.value("SELECT count(*) FROM detections WHERE key = ?", [key])
        below = database.value("SELECT count(*) FROM below WHERE key = ?", [key])
        assert len(answer.boxes(image, below=False)) == counted
        assert len(answer.boxes(image, below=True)) == counted + below


def test_a_sheet_of_a_hostile_taxon_has_one_tile_an_image_and_captions_that_can_be_drawn(show, database):
    picked = show().pick(30, "score", taxon=HOSTILE_TAXON, below=True)
    of = database.value(
        "SELECT count(DISTINCT key) FROM (FROM detections UNION ALL FROM below) WHERE taxon = ? AND use = 'used'",
        [HOSTILE_TAXON],
    )
    assert (picked.of, len(picked.drawings)) == (of, min(30, of))
    assert len({drawing.key for drawing in picked.drawings}) == len(picked.drawings)
    drawn = [Drawn(drawing, None, why=drawing.key) for drawing in picked.drawings]
    sheet = lay_out(
        [b""] * len(drawn),
        {"columns": 5, "captions": [one.drawing.caption for one in drawn], "whys": [one.why for one in drawn],
         "title": HOSTILE_TAXON, "quality": 80},
    )  # fmt: skip
    assert Image.open(io.BytesIO(sheet)).size[0] == 5 * 330 + 10


def test_a_box_that_is_no_taxon_brings_no_image_into_a_sheet(hostile):
    """As one of a class that leaves its image out, where it is too unsure for that."""
    with open_database(hostile.results) as database:
        view_answer(database, find_run(hostile.results, hostile.layout).summary)
        database.run(
            "CREATE TABLE marked AS SELECT * REPLACE ('fog' AS taxon, 'exclude_image' AS role) FROM detections LIMIT 1"
        )
        for view, boxes in (("detections", "FROM marked WHERE false"), ("below", "FROM marked")):
            database.run(f"CREATE OR REPLACE VIEW {view} AS {boxes}")
        answer = ShownAnswer(database, hostile.done.stored, {})
        assert answer.pick(30, "score", taxon=None, below=True).of == 0
        with pytest.raises(ConfigError, match=r"^No taxon 'fog' in this answer"):
            answer.pick(30, "score", taxon="fog", below=True)


def test_a_box_below_the_threshold_tells_of_people_too(show, database):
    people = {
        key for (key,) in database.run("SELECT key FROM detections WHERE class_name = 'Chromis chromis'").fetchall()
    }
    faint = {
        key for (key,) in database.run("SELECT key FROM below WHERE class_name = 'Chromis chromis'").fetchall()
    } - people
    assert faint
    picked = show(**{"Chromis chromis": Taxon(role="human")}).pick(1000, "date", taxon=None, below=True)
    assert not {drawing.key for drawing in picked.drawings} & (people | faint)
    assert picked.with_people > 0
