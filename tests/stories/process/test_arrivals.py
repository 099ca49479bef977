"""Runs that events start: the folders that they name, and the newest ones, are listed; what comes of it is the answer all the same."""

from datetime import UTC, datetime

from shoal.bucket.arrived import Arrived
from shoal.embedded.samples.scenes import demo_scene
from shoal.history.digest import tell_start
from shoal.results.answer import read_current
from shoal.results.stored_plan import StoredPlan


def arrive(pipeline, camera, moment):
    scene = demo_scene(camera, moment)
    pipeline.put(scene.key, scene.jpeg)
    return scene.key


def test_a_run_over_what_arrived_is_the_answer_and_has_the_numbers_of_a_night(few_images):
    first = few_images.run()
    assert first.not_current_because is None
    key = arrive(few_images, "IPC608", datetime(2026, 6, 3, 8, tzinfo=UTC))
    arrive(
        few_images, "AXIS2", datetime(2026, 6, 3, 9, tzinfo=UTC)
    )  # of which no event told: it lies in a newest folder
    few_images.put("AXIS2/notes.txt", b"no image")
    plan = few_images.plan(arrived=Arrived.of("", [key[: key.rindex("/") + 1]]))
    assert (plan.listed, plan.work.images, plan.may_become_current) == (14, 2, True)
    assert "listed anew 3 folders (AXIS2/, IPC608/, IPC710/), all else" in "\n".join(plan.describe())
    few_images.infer(plan)
    done = few_images.summarize(plan)
    assert (done.not_current_because, done.balance.listed, done.balance.fates["reused"]) == (None, 14, 12)
    assert read_current(few_images.stores.results, few_images.stores.layout)["run_key"] == plan.run_key
    assert few_images.verify(plan.run_key, plan.variant.directory).deviations == ()
    assert tell_start(StoredPlan.parse(plan.to_json())) == "by new images"
    night = few_images.run()
    assert (night.balance.listed, night.balance.fates["reused"]) == (14, 14)
    assert night.summary["result"]["examined"] == done.summary["result"]["examined"]


def test_before_there_is_an_answer_everything_is_listed(few_images):
    plan = few_images.plan(arrived=Arrived(("IPC608/",)))
    assert plan.listed == 12
    assert "events named folders, and everything was listed: no answer has a listing to begin with" in plan.describe()
