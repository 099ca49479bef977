"""When a shard ends because of its images: not for the first ones, and soon where all of them are wrong."""

import pytest

from shoal.contract.rows import Reason, Status
from shoal_worker.loop.failed_share import FailedShare
from shoal_worker.loop.pipeline import Intake
from shoal_worker.loop.tally import Tally
from shoal_worker.rows.parts import ListedImage, Stamp, new_row

STAMP = Stamp("1", "20260101T000000Z-testtest", "attempt1")


def ended_after(verdicts, tolerated=0.5):
    """Work through a shard of good (`.`), failed (`x`) and no images (`-`); how many were tried when it ended, None at the end."""
    images = [ListedImage(f"{number:05}", verdict, 1) for number, verdict in enumerate(verdicts)]
    intake, tally = Intake(images, 60), Tally(0, len(images))
    judge, done = FailedShare(intake, tally, tolerated), 0
    while (image := intake.take()) is not None:
        done += 1
        if image.object_version == ".":
            tally.add(new_row(image, STAMP, Status.PROCESSED))
        else:
            reason = Reason.TRUNCATED if image.object_version == "x" else Reason.NOT_IMAGE
            tally.add(new_row(image, STAMP, Status.FAILED, reason=reason))
        if judge.too_many_failed():
            return done
    return None


@pytest.mark.parametrize(
    ("verdicts", "ended"),
    [
        pytest.param("x" * 49, None, id="too few to judge"),
        pytest.param("x" * 60, 50, id="a small shard of broken ones"),
        pytest.param("x" * 1000, 100, id="all are broken"),
        pytest.param("x" * 300 + "." * 700, None, id="a third of it, in front"),
        pytest.param("." * 700 + "x" * 300, None, id="a third of it, at the end"),
        pytest.param("x" * 50 + "." * 10, 50, id="few left: the next attempt takes them"),
        pytest.param("-" * 900 + ".", None, id="what is no image says nothing"),
        pytest.param("-" * 900 + "x" * 49 + "." * 100, None, id="nor together with few that are broken"),
        pytest.param("x.x" * 400, 100, id="two thirds, everywhere"),
    ],
)
def test_a_shard_ends_where_images_from_all_over_it_fail(verdicts, ended):
    assert ended_after(verdicts) == ended


def test_without_tolerance_one_failure_in_a_hundred_ends_it():
    assert ended_after("." * 60 + "x" + "." * 200, tolerated=0.0) is not None
