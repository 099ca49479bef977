"""Which image a label is of: its own or none, never another camera's."""

import pytest

from shoal.evidence.which_image import find_images
from shoal.tables.session import open_database

IMAGES = [
    ("A/0001.jpg", "one", "used"),
    ("B/0001.jpg", None, "unusable"),
    ("A/0002.jpg", "two", "used"),
    ("B/0002.jpg", "four", "undated"),
    ("A/0003.jpg", "three", "used"),
    ("copy/0003.jpg", "three", "duplicate"),
]


@pytest.fixture(scope="module")
def dataset():
    with open_database(None) as database:
        database.run(
            "CREATE TABLE images (key VARCHAR, content_sha256 VARCHAR, use VARCHAR, width INTEGER, height INTEGER)"
        )
        database.connection.executemany("INSERT INTO images VALUES (?, ?, ?, 640, 480)", IMAGES)
        database.run(
            "CREATE TABLE drawn AS SELECT 'a-sample' AS sample, 'A/0003.jpg' AS key, 'three' AS content_sha256, 1 AS number, "
            "'00001-0123456789abcdef.jpg' AS name"
        )
        yield database


@pytest.mark.parametrize(
    ("file", "key", "counted"),
    [
        pytest.param("A/0001.jpg", "A/0001.jpg", True, id="its key"),
        pytest.param("B/0001.jpg", None, False, id="the key of one that is broken, though the other camera has such a name"),
        pytest.param("0001.jpg", None, False, id="two cameras have such a name, and one of them does not count"),
        pytest.param("B/0002.jpg", "B/0002.jpg", False, id="the key of one that does not count"),
        pytest.param("C/0003.jpg", None, False, id="another folder"),
        pytest.param("0003.jpg", "A/0003.jpg", True, id="a copy of it is it"),
        pytest.param("/home/ana/A/0001.jpg", "A/0001.jpg", True, id="a path of somebody's machine that ends in the key"),
        pytest.param("labels/train/A/0002", "A/0002.jpg", True, id="a label file in a tool's folders"),
        pytest.param("/data/local-files/?d=images/0003.jpg", "A/0003.jpg", True, id="an address of Label Studio"),
    ],
)  # fmt: skip
def test_a_label_is_of_the_image_that_it_names_or_of_none(dataset, file, key, counted):
    found = find_images(dataset, [file], {"a-sample": False}).get(file)
    assert (found and found.key, bool(found and found.now)) == (key, counted)


def test_an_image_that_was_drawn_is_of_its_sample_however_it_is_named(dataset):
    for file in ("A/0003.jpg", "0003.jpg", "00001-0123456789abcdef.jpg"):
        found = find_images(dataset, [file], {"a-sample": False})[file]
        assert (found.key, found.sample, found.blind) == ("A/0003.jpg", "a-sample", False)
