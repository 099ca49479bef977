"""`summarize`: other thresholds, taxa, clock or deployments in seconds, with the bytes of a run that was planned so."""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline import make_pipeline
from shoal.contract.errors import ConfigError
from shoal.contract.minted_names import mint_run_key
from shoal.history.gc import delete, survey
from shoal.history.in_flight import need_none_in_flight
from shoal.history.retention import Terms
from shoal.plan.resummary import Resummary, as_planned, plan_resummary
from shoal.results.answer import read_current
from shoal.summary.summarize import summarize_run
from shoal.summary.thresholds import count_at
from written_rows import write_rows

_SECONDS = iter(range(1, 100))


@pytest.fixture(scope="module")
def answered(store, demo_models, scenes, tmp_path_factory):
    """A dataset with an answer: twelve scenes of two cameras, a failed image and one without a date."""
    pipeline = make_pipeline(store, demo_models, tmp_path_factory.mktemp("answered"))
    pipeline.put_scenes([scene for scene in scenes if "0602-" in scene.key and scene.fish][:12])
    pipeline.put("IPC608/20260602-230000-IPC608.jpg", b"no image")
    pipeline.put("IPC608/undated.jpg", next(scene.jpeg for scene in scenes if scene.fish))
    return pipeline, pipeline.run()


def again(pipeline, of_run, directory, **asked):
    """Count a run's images again, in a second of its own."""
    run_key = mint_run_key(datetime.now(UTC) + timedelta(minutes=5, seconds=next(_SECONDS)))
    plan = plan_resummary(Resummary(pipeline.dataset, of_run, directory, run_key, **asked), pipeline.stores)
    return summarize_run(pipeline.stores, pipeline.stores.layout.variant(directory), plan.run_key)


def place_of(done):
    return done.stored.run_key, done.key.split("/")[1]


def told(done):
    """Result and files, but for the report, which says of a run that is no answer that it is a trial."""
    files = {file.name: file.sha256 for file in done.stored.files if file.table != "report"}
    return done.summary["result_sha256"], files


SETTINGS = {
    "another threshold": {"conf": 0.6},
    "a threshold of one class": {"taxa": {"Diplodus vulgaris": {"conf": 0.9}}},
    "a corrected taxon": {"taxa": {"Diplodus vulgaris": {"scientific_name": "Diplodus sargus", "aphia_id": 127053}}},
    "classes that are merged": {"taxa": {"Diplodus vulgaris": {"merge_into": "Chromis chromis"}}},
    "a class that makes images unusable": {"taxa": {"Chromis chromis": {"role": "exclude_image"}}},
    "a clock in another zone": {"clock": {"pattern": r"(?P<time>\d{8}-\d{6})", "zone": "Atlantic/Azores"}},
    "bins in another zone": {"report": {"zone": "Pacific/Auckland", "bins": ["30min", "day"]}},
    "a deployment": {"deployments": [{"camera": "IPC608", "name": "first", "start": "2026-06-01T00:00:00Z"}]},
    "what is too dark": {"usable": {"luma_min": 90}},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_resummary_has_the_bytes_of_a_run_planned_with_these_settings(answered, settings):
    pipeline, first = answered
    changed = pipeline.with_settings(**settings)
    counted = again(changed, *place_of(first))
    planned = changed.plan()
    assert planned.work.images == 0, "nothing is inferred for other settings"
    from_the_start = changed.summarize(planned)
    assert told(counted) == told(from_the_start)
    assert counted.summary["result_sha256"] != first.summary["result_sha256"]
    assert counted.balance == first.balance, "the images are those of the run that looked at them"
    assert pipeline.verify(*place_of(counted)).deviations == ()


def test_a_count_keeps_what_the_run_said_of_names_that_cannot_be_read(few_images):
    few_images.put("IPC608/caf\ufffd%E9 20260602-230000-IPC608.jpg", b"no image")
    plan = few_images.plan()
    write_rows(few_images, plan)
    few_images.summarize(plan)
    asked = Resummary(few_images.dataset, plan.run_key, plan.variant.directory, mint_run_key(datetime.now(UTC)))
    assert "1 image has a name that are no UTF-8" in plan.remarks[0]
    assert as_planned(asked, few_images.stores).remarks == plan.remarks


def test_a_threshold_that_is_said_counts_as_one_that_was_typed_into_the_form(answered):
    pipeline, first = answered
    counted = again(pipeline, *place_of(first), conf=0.6)
    typed = pipeline.summarize(pipeline.plan(conf=0.6))
    assert told(counted) == told(typed)
    assert "answer stays as it is: a count of a run's images becomes it with --publish" in counted.not_current_because
    assert again(pipeline, *place_of(counted)).summary["result_sha256"] == first.summary["result_sha256"]


def test_several_thresholds_give_what_a_run_at_each_gives_and_nothing_is_written(answered):
    pipeline, first = answered
    run_key, directory = place_of(first)
    layout = pipeline.stores.layout.variant(directory)
    before = set(pipeline.stores.results.list_keys(pipeline.stores.layout.root))
    plan = Resummary(pipeline.dataset, run_key, directory, mint_run_key(datetime.now(UTC)))

    columns = count_at(pipeline.stores, layout, as_planned(plan, pipeline.stores), [0.3, 0.6, 0.3])
    assert set(pipeline.stores.results.list_keys(pipeline.stores.layout.root)) == before
    for column in columns:
        species = again(pipeline, run_key, directory, conf=column.conf).summary["result"]["species"]
        assert {taxon: (seen.detections, seen.images_with, seen.maxn) for taxon, seen in column.taxa.items()} == {
            entry["taxon"]: (entry["detections"], entry["images_with"], entry["maxn"]) for entry in species
        }


def test_a_published_correction_is_the_answer_and_the_next_idle_night_names_its_files(few_images):
    few_images.run()
    current = read_current(few_images.stores.results, few_images.stores.layout)
    corrected = few_images.with_settings(taxa={"Diplodus vulgaris": {"aphia_id": 127053}})
    published = again(corrected, current["run_key"], current["variant"]["directory"], publish=True)
    assert published.not_current_because is None
    assert read_current(few_images.stores.results, few_images.stores.layout)["run_key"] == place_of(published)[0]
    night = corrected.summarize(corrected.plan(at=datetime.now(UTC) + timedelta(hours=1)))
    assert night.summary["files"] == published.summary["files"]
    assert few_images.verify(*place_of(night)).deviations == ()


def test_a_run_that_had_listed_before_a_correction_was_published_does_not_take_its_place(empty_bucket):
    empty_bucket.put("IPC608/20260602-120000-IPC608.jpg", b"one")
    first = empty_bucket.run()
    empty_bucket.put("IPC608/20260602-130000-IPC608.jpg", b"two")
    in_flight = empty_bucket.plan()
    corrected = empty_bucket.with_settings(conf=0.5)
    with pytest.raises(
        ConfigError, match=rf"Run \S+/{in_flight.run_key} has no summary yet \(running: .* publish when it has"
    ):
        need_none_in_flight(empty_bucket.stores, place_of(first)[0])
    again(corrected, *place_of(first), conf=0.7)
    with pytest.raises(ConfigError, match="has no summary yet"):
        need_none_in_flight(empty_bucket.stores, place_of(first)[0])
    published = again(corrected, *place_of(first), publish=True)
    empty_bucket.infer(in_flight)
    late = empty_bucket.summarize(in_flight)
    assert "was published with other settings after this one had listed: the next run" in late.not_current_because
    assert read_current(empty_bucket.stores.results, empty_bucket.stores.layout)["run_key"] == place_of(published)[0]
    night = corrected.summarize(corrected.plan())
    assert night.not_current_because is None
    assert night.balance.listed == 2


def test_what_a_run_only_could_do_is_said_and_cannot_be_published(empty_bucket):
    empty_bucket.put("IPC608/20260602-120000-IPC608.jpg", b"one")
    first = empty_bucket.run()
    changed = empty_bucket.with_settings(
        source={**empty_bucket.dataset.source.model_dump(mode="json"), "ignore": ["IPC608/"]}
    )
    told = r"source.ignore \[\] -> "
    with pytest.raises(
        ConfigError, match=rf"says otherwise than run \S+ what is listed and inferred \({told}.* start a run"
    ):
        again(changed, *place_of(first), publish=True)
    assert again(changed, *place_of(first)).balance.listed == 1


def test_what_a_resummary_is_computed_from_stays_as_long_as_it_does(empty_bucket):
    long_ago, now = datetime.now(UTC) - timedelta(days=100), datetime.now(UTC) + timedelta(days=200)
    empty_bucket.put("IPC608/20260602-120000-IPC608.jpg", b"one")
    plan = empty_bucket.plan(at=long_ago)
    write_rows(empty_bucket, plan)
    first = empty_bucket.summarize(plan)
    published = again(empty_bucket, *place_of(first), publish=True)
    results, layout = empty_bucket.stores.results, empty_bucket.stores.layout
    delete(results, layout, survey(results, layout, Terms(now, timedelta(days=90))))
    assert results.has(layout.variant(plan.variant.directory).run(plan.run_key).manifest)
    assert empty_bucket.verify(*place_of(published)).deviations == ()


def test_what_cannot_be_counted_again_is_refused_in_one_line(empty_bucket):
    empty_bucket.put("IPC608/20260602-120000-IPC608.jpg", b"one")
    plan = empty_bucket.plan()
    place = plan.run_key, plan.variant.directory
    with pytest.raises(
        ConfigError, match=r"has no summary yet: its numbers would pass for those of all images - python -m"
    ):
        again(empty_bucket, *place)
    unfinished = empty_bucket.summarize(plan)
    assert not unfinished.balance.complete
    with pytest.raises(ConfigError, match=r"left images to other runs: .* says how it goes on"):
        again(empty_bucket, *place)
    write_rows(empty_bucket, plan)
    empty_bucket.summarize(plan)
    with pytest.raises(ConfigError, match=r"conf 0.6 is not that of the dataset file, .* write it into the file"):
        again(empty_bucket, *place, conf=0.6, publish=True)
    part = empty_bucket.summarize(empty_bucket.plan(prefix="IPC608/"))
    with pytest.raises(ConfigError, match=r"cannot become the answer: it looked at a part of the dataset"):
        again(empty_bucket, *place_of(part), publish=True)
    month = empty_bucket.summarize(
        empty_bucket.plan(window_start="2026-06-01T00:00:00Z", window_end="2026-07-01T00:00:00Z")
    )
    moved = empty_bucket.with_settings(clock={"pattern": r"(?P<time>\d{8}-\d{6})", "zone": "Atlantic/Azores"})
    with pytest.raises(
        ConfigError, match=r"looked at a window of capture times, and clock of the dataset file changed"
    ):
        again(moved, *place_of(month))
    empty_bucket.put("IPC608/20260602-130000-IPC608.jpg", b"two")


def test_a_plan_that_names_another_place_as_its_run_is_not_read(answered):
    pipeline, first = answered
    run_key, directory = place_of(again(pipeline, *place_of(first)))
    key = pipeline.stores.layout.variant(directory).run(run_key).plan
    plan = pipeline.stores.results.read_json(key)
    pipeline.stores.results.write_json(key, {**plan, "of_run": "../../other"})
    with pytest.raises(Exception, match="which is not of its run or not below"):
        pipeline.verify(run_key, directory)
