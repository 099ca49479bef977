"""What an answer says beside its numbers: in one place, for the report, the demo and the log of a run."""

import pytest

from shoal.exports.asides import describe_asides, describe_unread

PREMATURE = "Corrupt JPEG data: premature end of data segment"


def result(damaged=None, *, counted=False, **left_out):
    return {"damaged_by_words": damaged or {}, "settings": {"usable": {"damaged": counted}}, "left_out": left_out}


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        pytest.param(result(not_images=3), [], id="nothing worth a word"),
        pytest.param({"settings": {"usable": {}}}, [], id="a summary of an earlier release"),
        pytest.param(
            result({PREMATURE: 1}),
            [
                (
                    f"1 image is damaged inside ({PREMATURE} 1), and so unusable: in no number - usable.damaged: true in the dataset "
                    "file counts them, without new inference"
                )
            ],
            id="damaged",
        ),
        pytest.param(
            result({"bad Huffman code": 1, PREMATURE: 2}, counted=True),
            [
                (
                    f"3 images are damaged inside ({PREMATURE} 2, bad Huffman code 1) and counted like whole ones, as "
                    "usable.damaged: true says"
                )
            ],
            id="damaged and wanted",
        ),
        pytest.param(
            result(ignored=3, ignored_by={"@eaDir/": 2, "._*": 1}),
            ["ignored 3: @eaDir/ 2, ._* 1 - !pattern in source.ignore lets one in again"],
            id="ignored",
        ),
        pytest.param(
            result(not_images=2, videos={".mp4": 2}),
            [
                "not looked at: 2 videos (.mp4 2) - frames of one are made by ffmpeg -i VIDEO -vf fps=1 -q:v 2 VIDEO-%06d.jpg"
            ],
            id="videos",
        ),
        pytest.param(
            result(not_images=7, unread={".heic": 4, ".gif": 2, ".nef": 1}),
            [
                (
                    "not looked at: 7 photos in formats that source.suffixes does not name (.heic 4, .gif 2, .nef 1) - name in "
                    "source.suffixes what can be read (.gif .avif .jp2); HEIC is not read: magick mogrify -format jpg *.HEIC makes "
                    "JPEGs; convert raw photos to JPEG"
                )
            ],
            id="photos of other formats",
        ),
        pytest.param(
            result(below_images=5),
            [
                (
                    "5 images lie in folders named like an image, such as a.jpg/1.jpg: often thumbnails - look at them, and leave "
                    "them out by source.ignore"
                )
            ],
            id="thumbnails",
        ),
    ],
)
def test_what_stands_beside_the_numbers_is_told_with_its_way_out(stored, told):
    assert describe_asides(stored) == told


@pytest.mark.parametrize(
    ("balance", "told"),
    [
        pytest.param({"listed": 5}, [], id="a summary of an earlier release"),
        pytest.param({"listed": 0, "archived": 0, "denied": 0}, [], id="no images"),
        pytest.param(
            {"listed": 12000, "processed": 2000, "archived": 9999, "denied": 1},
            [
                (
                    "9999 of 12000 listed images (83.3 %) are archived and in no number: they lie in an archive of the store's: restore "
                    "them, then run again - Amazon's listing tells which are restored, other stores need a copy in a class "
                    "that is read at once"
                ),
                (
                    "1 of 12000 listed images (0.00833 %) is denied and in no number: the store gave others and not these - "
                    "failures.csv says why; mend that, then run again"
                ),
            ],
            id="most of a bucket is in an archive",
        ),
    ],
)
def test_images_that_a_complete_run_could_not_read_are_told_with_their_share(balance, told):
    assert describe_unread(balance) == told
