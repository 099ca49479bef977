"""Where nothing lies: what was looked for, what lies beside it, and what was meant."""

import pytest

from shoal.contract.errors import EmptyBucketError

NOTHING = b"no image"


def put(pipeline, *keys):
    for key in keys:
        pipeline.put(key, NOTHING)
    return pipeline


@pytest.mark.parametrize(
    ("keys", "prefix", "said"),
    [
        pytest.param((), "cam1/", "nothing lies in the whole dataset - check source.bucket", id="an empty bucket"),
        pytest.param(("Cam1/a.jpg",), "cam1/", "there is 'Cam1/' - did you mean 'Cam1/'?", id="another case"),
        pytest.param(("cam1/a.jpg", "cam2/a.jpg"), "cma1/", "'cam1/', 'cam2/' - did you mean 'cam1/'?", id="misspelt"),
        pytest.param(("cam1/2026/a.jpg",), "cam1/2025/", "under 'cam1/' there is '2026/' - did you mean '2026/'", id="deeper"),
        pytest.param(("cam1/a.jpg",), "other/x/y/", "in the bucket there is 'cam1/' - check the run's prefix", id="nothing near"),
        pytest.param(("c\u00e1m/a\tb.jpg",), "c\u00e1m/x", r"there is 'a\tb.jpg'", id="a TAB in a key"),
        pytest.param(tuple(f"{n}/x.jpg" for n in "abcdefg"), "zz/", "'a/', 'b/', 'c/', 'd/', 'e/' and others", id="many"),
    ],
)  # fmt: skip
def test_an_empty_prefix_says_what_lies_beside_it(empty_bucket, keys, prefix, said):
    with pytest.raises(EmptyBucketError, match="has no images under prefix") as refused:
        put(empty_bucket, *keys).plan(prefix=prefix)
    # One of the servers that these tests may run on keeps a TAB as its picture.
    assert said in str(refused.value).replace("\u2409", "\\t")
    assert "\n" not in str(refused.value)


def test_objects_that_are_no_images_are_no_emptiness(empty_bucket):
    with pytest.raises(EmptyBucketError, match=r"1 objects do not end in .* - check source\.suffixes"):
        put(empty_bucket, "cam1/notes.txt").plan(prefix="cam1/")


@pytest.mark.parametrize(
    ("window", "near"),
    [
        pytest.param(("2020-01-01", "2020-02-01"), "the next one after it of 2026-06-02T10:00:00Z", id="before all"),
        pytest.param(("2026-06-03", "2026-06-04"), "the last one before it is of 2026-06-02T11:00:00Z, the next one after it of 2026-06-05T10:00:00Z", id="between"),
        pytest.param(("2026-06-06", None), "the last one before it is of 2026-06-05T10:00:00Z", id="after all"),
    ],
)  # fmt: skip
def test_an_empty_window_says_what_is_nearest(empty_bucket, window, near):
    put(empty_bucket, "20260602-100000-A1.jpg", "20260602-110000-A1.jpg", "20260605-100000-A1.jpg")
    start, end = (day and f"{day}T00:00:00Z" for day in window)
    plan = empty_bucket.plan(window_start=start, window_end=end)
    assert (plan.listed, plan.work.shards) == (0, ())
    assert plan.describe()[0] == plan.nothing
    until = f" and before {end}" if end else ""
    assert plan.nothing == f"No image lies in the window from {start} on{until}: 3 images were listed, {near}"
