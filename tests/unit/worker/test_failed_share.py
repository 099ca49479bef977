"""When a shard ends because of its images: not for the first ones, and soon where all of them are wrong."""

from random import Random

import pytest

from shoal.contract.rows import Reason, Status
from shoal_worker.loop.failed_share import FailedShare
from shoal_worker.loop.intake import Intake
from shoal_worker.loop.tally import Tally
from shoal_worker.rows.parts import ListedImage, Stamp, new_row

STAMP = Stamp("1", "20260101T000000Z-testtest", "attempt1")


def row_of(image):
    """What becomes of a good image (`.`), a broken one (`x`), no image (`-`) and one that was changed (`~`)."""
    status = {".": Status.PROCESSED, "~": Status.CHANGED}.get(image.object_version, Status.FAILED)
    reason = {"x": Reason.TRUNCATED, "-": Reason.NOT_IMAGE}.get(image.object_version)
    return new_row(image, STAMP, status, reason=reason)


def ended_after(verdicts, tolerated=0.5, on_their_way=1, chance=None):
    """Work through a shard; how many were examined when it ended, None at the end. `?` is an image that is out of reach."""
    images = [ListedImage(f"{number:05}", verdict, 1) for number, verdict in enumerate(verdicts)]
    intake, tally = Intake(images, 60, chance or Random(0).random), Tally(0, len(images))
    judge, begun, done = FailedShare(intake, tally, tolerated), [], 0
    while True:
        while len(begun) < on_their_way and (image := intake.take()) is not None:
            begun.append(image)
        if not begun:
            return None
        image, done = begun.pop(0), done + 1
        if image.object_version == "?":
            judge.leave_out(image)
        else:
            tally.add(row := row_of(image))
            judge.add(row)
        if judge.too_many_failed():
            return done


@pytest.mark.parametrize(
    ("verdicts", "ended"),
    [
        pytest.param("x" * 49, None, id="too few to judge"),
        pytest.param("x" * 60, 50, id="a small shard of broken ones"),
        pytest.param("x" * 1000, 100, id="all are broken"),
        pytest.param("x" * 300 + "." * 700, None, id="a third of it, in front"),
        pytest.param("." * 700 + "x" * 300, None, id="a third of it, at the end"),
        pytest.param("x" * 50 + "." * 10, 50, id="few left: the next attempt takes them"),
        pytest.param("x" * 50 + "." * 50, None, id="so many left that they can be judged"),
        pytest.param("-" * 900 + ".", None, id="what is no image says nothing"),
        pytest.param("-" * 900 + "x" * 49 + "." * 100, None, id="nor together with few that are broken"),
        pytest.param("x.x" * 400, 100, id="two thirds, everywhere"),
    ],
)
def test_a_shard_ends_where_images_from_all_over_it_fail(verdicts, ended):
    assert ended_after(verdicts) == ended


@pytest.mark.parametrize(
    ("verdicts", "tolerated", "ended"),
    [
        pytest.param("x" * 100 + "." * 3000, 0.1, None, id="what was on its way is no sample: a good shard"),
        pytest.param("x" * 59 + ".x" * 1500, 0.1, 50 + 9 + 50, id="what was on its way is no sample: a bad shard"),
        pytest.param("x" * 100 + "?.~" * 1000, 0.1, None, id="a sample of few that can be judged is enlarged: good"),
        pytest.param(
            "x" * 100 + "xx?~" * 1000,
            0.1,
            50 + 9 + 50 + 9 + 100,
            id="a sample of few that can be judged is enlarged: bad",
        ),
        pytest.param(
            "x" * 50 + "~" * 5 + "." * 50, 0.5, None, id="so many on their way that few are left: a good shard"
        ),
        pytest.param("x" * 60 + "~" * 100, 0.5, None, id="nothing left to enlarge it by, and less than half of all"),
    ],
)
def test_only_the_sample_judges_while_others_are_on_their_way(verdicts, tolerated, ended):
    assert ended_after(verdicts, tolerated, on_their_way=10) == ended


def test_a_good_sample_lets_no_more_than_the_tolerated_share_of_all_pass():
    # 342 are more than a tenth of 3410; 45 good ones of the sample are examined before: it has five from among 311 of 3351.
    ended = ended_after("x" * 370 + "." * 3040, tolerated=0.1, on_their_way=10, chance=lambda: 0.5)
    assert ended == 342 + 45


def test_without_tolerance_one_failure_in_a_hundred_ends_it():
    assert ended_after("." * 60 + "x" + "." * 200, tolerated=0.0) is not None
