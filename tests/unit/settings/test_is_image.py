"""What an image of a dataset is, in one place: for the listing that is frozen, and for `check`."""

import pytest

from shoal.settings.source import Source

SOURCE = Source(conn_id="s3", bucket="fish", suffixes=(".JPG", ".png"), ignore=("bad.jpg", "notes.txt"))


@pytest.mark.parametrize(
    ("key", "is_image", "ends_like_one"),
    [
        pytest.param("a.jpg", True, True, id="an ending, in any case"),
        pytest.param("a/B.PNG", True, True, id="a key, in any case"),
        pytest.param("a.jpeg", False, False, id="another ending"),
        pytest.param("jpg", False, False, id="no ending"),
        pytest.param("bad.jpg", False, True, id="an ignored key"),
        pytest.param("BAD.jpg", True, True, id="ignored keys are whole and exact"),
        pytest.param("notes.txt", False, False, id="an ignored key that is none anyway"),
    ],
)
def test_an_image_has_the_ending_and_is_not_ignored(key, is_image, ends_like_one):
    assert (SOURCE.is_image(key), SOURCE.ends_like_image(key)) == (is_image, ends_like_one)


def test_what_was_looked_up_once_is_no_part_of_the_settings():
    """Plans hold the settings, and two sources are one when a person said the same."""
    fresh = Source(**SOURCE.model_dump())
    assert SOURCE.is_image("a.jpg")
    assert fresh == SOURCE
    assert SOURCE.model_dump() == fresh.model_dump()
    assert "endings" not in SOURCE.model_dump_json()


@pytest.mark.parametrize(
    ("source", "uri"),
    [
        (SOURCE, "s3://fish/"),
        (Source(kind="folder", path="/mnt/été #1"), "file:///mnt/%C3%A9t%C3%A9%20%231/"),
        (Source(kind="rclone", conn_id="dav"), "rclone://dav/"),
        (Source(kind="rclone", conn_id="dav", remote_path="/été #1/"), "rclone://dav/%C3%A9t%C3%A9%20%231/"),
    ],
    ids=["bucket", "folder", "store by rclone", "folder by rclone"],
)
def test_an_image_has_an_address(source, uri):
    assert source.uri == uri
