"""A bucket that changed as no camera changes it: the plan stops until a person says what that means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import Pipeline
from played_once import play_once
from shoal.bucket.drift import Drift
from shoal.contract.errors import ConfigError
from shoal.results.answer import read_current
from shoal.settings.dataset_stores import open_stores
from shoal.settings.run_form import RunParams

FILES = 110


def put_files(pipeline, numbers, content="v1"):
    for number in numbers:
        pipeline.put(f"cam1/{number:04d}.jpg", f"no image {number:04d} {content}".encode())


@pytest.fixture(scope="module")
def played(demo_models, tmp_path_factory):
    """A dataset whose 110 files were all looked at; they are no images, which is as good a row as any and quick."""

    def play(pipeline):
        put_files(pipeline, range(FILES))
        assert pipeline.run().balance.fates["failed"] == FILES

    return play_once(tmp_path_factory.mktemp("settled"), demo_models, play, run={"tolerated_failed_share": 1.0})


@pytest.fixture
def settled_files(played, tmp_path):
    """That dataset, the test's own."""
    with played.copy(tmp_path) as pipeline:
        yield pipeline


def fates(done):
    return {fate: count for fate, count in done.balance.fates.items() if count}


def test_a_moved_bucket_stops_the_plan_and_leaves_the_answer(settled_files):
    answer = read_current(settled_files.stores.results, settled_files.stores.layout)
    put_files(settled_files, range(FILES), "v2")
    with pytest.raises(
        ConfigError,
        match=r"^110 of 110 settled images \(100%\) have a new ETag at the same size.*nothing was started - .*accept_changed: same .* or infer",
    ):
        settled_files.plan()
    assert read_current(settled_files.stores.results, settled_files.stores.layout) == answer


def test_same_bytes_are_copied_without_inference_and_marked(settled_files):
    before = settled_files.plan(limit=1)
    put_files(settled_files, range(FILES), "v2")
    plan = settled_files.plan(accept_changed="same")
    assert (plan.reused, plan.work.images, plan.drift.copied) == (FILES, 0, FILES)
    done = settled_files.summarize(plan)
    assert fates(done) == {"reused": FILES}
    assert done.not_current_because is None
    rows = settled_files.rows(done)
    assert {row["version_checked"] for row in rows.values()} == {False}
    old = {row["copied_from_version"] for row in rows.values()}
    assert len(old) == FILES
    assert not old & {row["object_version"] for row in rows.values()}
    assert settled_files.verify(plan.run_key, plan.variant.directory).deviations == ()
    assert before.listing.images == 1
    assert fates(settled_files.run()) == {"reused": FILES}


def test_a_plan_alone_copies_nothing(settled_files):
    put_files(settled_files, range(FILES), "v2")
    plan = settled_files.plan(accept_changed="same", plan_only=True)
    assert (plan.reused, plan.drift.copied) == (FILES, FILES)
    assert list(plan.parts) == []


def test_other_bytes_are_looked_at_again(settled_files):
    put_files(settled_files, range(FILES), "v2")
    assert fates(settled_files.run(accept_changed="infer")) == {"failed": FILES}


def test_a_tenth_may_change_as_it_likes(settled_files):
    put_files(settled_files, range(11), "v2")
    assert fates(settled_files.run()) == {"reused": 99, "failed": 11}


def test_objects_of_another_size_are_never_copied(settled_files):
    put_files(settled_files, range(5), "longer than before")
    plan = settled_files.plan(accept_changed="same")
    assert (plan.work.images, plan.drift.changed, plan.drift.settled) == (5, 0, FILES)


def test_a_listing_without_half_its_keys_stops_the_plan(settled_files):
    settled_files.stores.source.delete([f"cam1/{number:04d}.jpg" for number in range(0, FILES, 2)])
    with pytest.raises(
        ConfigError, match=r"^55 of 110 known images \(50%\) are not in the bucket's listing.* - .*accept_gone: true"
    ):
        settled_files.plan()
    assert fates(settled_files.run(accept_gone=True)) == {"reused": 55}
    assert fates(settled_files.run()) == {"reused": 55}, "accepted once, known from then on"


def test_another_bucket_is_told_as_the_cause_and_not_as_a_clean_up(settled_files):
    client, bucket = settled_files.stores.source.access.connect(), settled_files.stores.source.bucket
    client.make_bucket(f"{bucket}-new")
    source = {**settled_files.dataset.source.model_dump(), "bucket": f"{bucket}-new"}
    edited = settled_files.with_settings(source=source)
    elsewhere = Pipeline(edited.dataset, open_stores(edited.dataset, lambda _: settled_files.stores.source.access))
    elsewhere.put("cam1/9999.jpg", b"another")
    said = rf"^110 of 110 known images .* \(source.bucket {bucket} -> {bucket}-new\); nothing was started - set it back, or"
    with pytest.raises(ConfigError, match=said):
        elsewhere.plan()
    assert fates(elsewhere.run(accept_gone=True)) == {"failed": 1}


@pytest.mark.parametrize(
    "now",
    [
        pytest.param({"ignore": ["cam1/00[0-4]?.jpg"]}, id="a pattern of source.ignore"),
        pytest.param({"ignore": [f"cam1/{number:04d}.jpg" for number in range(50)]}, id="keys in source.ignore"),
    ],
)
def test_images_that_the_settings_leave_out_are_not_gone(settled_files, now):
    settled_files.stores.source.delete(["cam1/0109.jpg"])
    source = {**settled_files.dataset.source.model_dump(), **now}
    narrower = settled_files.with_settings(source=source)
    plan = narrower.plan()
    assert (plan.drift.known, plan.drift.gone, plan.drift.left_out) == (60, 1, 50)
    assert "50 known images are left out by source.ignore or source.suffixes now" in plan.describe()
    assert narrower.summarize(plan).summary["run"]["removed_since_previous"] == 1


def test_images_of_another_ending_are_not_gone(settled_files):
    settled_files.put("cam1/0200.png", b"no image")
    settled_files.run()
    source = {**settled_files.dataset.source.model_dump(), "suffixes": [".png"]}
    plan = settled_files.with_settings(source=source).plan()
    assert (plan.drift.known, plan.drift.gone, plan.drift.left_out) == (1, 0, FILES)


def test_a_first_answer_is_guarded_too(pipelines):
    pipeline = pipelines(run={"tolerated_failed_share": 1.0, "budget": "110s"})
    put_files(pipeline, range(FILES + 200))
    assert pipeline.run().balance.fates["pending"] > 0
    settled = pipeline.plan().reused
    pipeline.stores.source.delete([f"cam1/{number:04d}.jpg" for number in range(FILES + 200)][::2])
    with pytest.raises(ConfigError, match=rf"of {settled} known images"):
        pipeline.plan()


def test_the_guard_holds_without_the_answer_s_listing_and_says_so(settled_files):
    layout = settled_files.stores.layout
    listing = read_current(settled_files.stores.results, layout)["listing"]
    settled_files.stores.results.delete([listing])
    plan = settled_files.plan()
    assert (plan.drift.known, plan.drift.gone, plan.drift.lost_listing) == (FILES, 0, listing)
    said = f"the answer's listing '{listing}' is not in the results bucket: images with a settled row stand for it"
    assert said in plan.describe()
    settled_files.stores.source.delete([f"cam1/{number:04d}.jpg" for number in range(0, FILES, 2)])
    with pytest.raises(
        ConfigError,
        match=r"^55 of 110 known images \(50%\) .* any more; .*accept_gone.* start it again \(the answer's listing",
    ):
        settled_files.plan()


def test_a_part_of_the_bucket_is_measured_by_that_part(settled_files):
    put_files(settled_files, range(1000, 1020))
    settled_files.run()
    settled_files.stores.source.delete([f"cam1/{number:04d}.jpg" for number in range(1000, 1020)])
    with pytest.raises(ConfigError, match=r"^20 of 130 known images \(15%\)"):
        settled_files.plan()
    assert settled_files.plan(prefix="cam1/00").drift.gone == 0
    assert settled_files.plan(limit=3).drift.known == 0


@given(known=st.integers(0, 10**6), share=st.floats(0, 1))
def test_what_a_person_accepted_never_stops_and_a_small_change_neither(known, share):
    some = int(known * share)
    drift = Drift(known=known, gone=some, settled=known, changed=some)
    drift.check(RunParams(accept_changed="infer", accept_gone=True))
    if known < 100 or some * 10 <= known:
        drift.check(RunParams())
    else:
        with pytest.raises(ConfigError, match=r"known images"):
            drift.check(RunParams())
        with pytest.raises(ConfigError, match=r"settled images"):
            drift.check(RunParams(accept_gone=True))


def test_an_image_without_a_row_in_three_runs_is_named_with_the_way_out(pipelines):
    pipeline = pipelines(run={"tolerated_failed_share": 1.0})
    put_files(pipeline, range(100, 170))
    stuck = {f"cam1/{number:04d}.jpg" for number in range(100, 170)}
    for named, new in ((False, ()), (False, ()), (True, range(60))):
        put_files(pipeline, new)
        plan = pipeline.plan()
        assert len(plan.work.shards) == 2
        pipeline.infer(plan, [0])  # the other shard finds no node
        done = pipeline.summarize(plan)
        stuck -= set(pipeline.rows(done))
        assert done.summary["run"]["unreadable"]["images"] == (len(stuck) if named else 0)
    told = done.describe()
    said = f"{len(stuck)} images got no row in 3 runs - if they cannot be read, leave them out by"
    (at,) = (number for number, line in enumerate(told) if line.startswith(said))
    assert told[at + 1 : at + 1 + len(stuck)] == [f'  - "{key}"' for key in sorted(stuck)]
    source = {**pipeline.dataset.source.model_dump(), "ignore": sorted(stuck)}
    assert pipeline.with_settings(source=source).run().not_current_because is None
