"""Images that the store refuses: they are tried again every night, and no night is red because nothing else is left to read."""

from contextlib import contextmanager
from urllib.parse import unquote

import pytest

from reached_through import reached_through
from worker.http_faults import passed_on, status

pytestmark = pytest.mark.usefixtures("unhurried")

REFUSED = status(403, "AccessDenied")


def refusing_secrets(pipeline):
    """Answers as the store does, but for images below `secret/`."""
    real = passed_on(pipeline.stores.source.access.endpoint_url)

    def answer(handler, number):
        (REFUSED if "/secret/2026" in unquote(handler.path).split("?")[0] else real)(handler, number)

    return answer


@contextmanager
def filled_by_refused(bucket, scenes, refused):
    """Two images that can be read behind newer ones that cannot, and a time box that has room for four."""
    bucket.put_scenes(scenes[20:22])
    for hour in range(refused):
        bucket.put(f"secret/20260901-0{hour}0000-IPC608.jpg", scenes[20].jpeg)
    with reached_through(bucket.with_settings(run={"budget": "2s"}), refusing_secrets(bucket)) as pipeline:
        yield pipeline


def test_a_night_that_is_refused_every_image_it_has_left_is_as_green_as_the_first(empty_bucket, scenes):
    good, refused = scenes[20:22], [f"secret/20260602-0{hour}0000-IPC608.jpg" for hour in range(3)]
    empty_bucket.put_scenes(good)
    for key in refused:
        empty_bucket.put(key, good[0].jpeg)
    answer = refusing_secrets(empty_bucket)

    with reached_through(empty_bucket, answer) as pipeline:
        first = pipeline.run()
        plan = pipeline.plan()
        pipeline.infer(plan)
        second = pipeline.summarize(plan)
    assert (first.balance.fates["processed"], first.balance.fates["denied"]) == (2, 3)
    assert plan.job.read_before.key in {scene.key for scene in good}
    assert (second.balance.fates["reused"], second.balance.fates["denied"]) == (2, 3)
    assert (second.failure, second.not_current_because) == (first.failure, first.not_current_because) == (None, None)


def test_a_run_over_the_refused_folder_alone_knows_an_image_beside_it(empty_bucket, scenes):
    empty_bucket.put_scenes(scenes[20:21])
    empty_bucket.put("secret/20260602-000000-IPC608.jpg", scenes[20].jpeg)
    empty_bucket.run(prefix=scenes[20].key)
    assert empty_bucket.plan(prefix="secret/").job.read_before.key == scenes[20].key


def test_the_first_night_of_a_variant_ends_although_all_that_it_has_time_for_is_refused(empty_bucket, scenes):
    """No image was ever read, and those that could be are of a later night; they tell all the same that the login is good."""
    with filled_by_refused(empty_bucket, scenes, 4) as pipeline:
        plan = pipeline.plan()
        assert (plan.work.images, plan.pending, plan.job.read_before) == (4, 2, None)
        pipeline.infer(plan)
        done = pipeline.summarize(plan)
        assert (done.failure, done.balance.fates["denied"], done.balance.fates["pending"]) == (None, 4, 2)


def test_what_stays_denied_takes_no_time_box_from_older_images_and_its_chain_ends(empty_bucket, scenes):
    """The newest images fill the box, and the login may not read them."""
    with filled_by_refused(empty_bucket, scenes, 6) as pipeline:
        chain = [pipeline.run()]
        while chain[-1].continues and len(chain) < 10:
            chain.append(pipeline.run())
        assert (chain[0].balance.fates["denied"], chain[0].balance.fates["pending"]) == (4, 4)
        assert (chain[1].balance.fates["processed"], chain[1].balance.fates["denied"]) == (2, 2)
        assert [done.balance.gained > 0 for done in chain] == [True] * (len(chain) - 1) + [False]
        assert chain[-1].balance.fates["reused"] == 2
        # Those that were tried longest ago come first.
        assert len({row["key"] for done in chain for row in pipeline.rows(done).values()}) == 8


def test_the_first_night_of_a_wrong_key_denies_nothing(empty_bucket, scenes):
    """It may list and read nothing: every witness is refused as well."""
    empty_bucket.put_scenes(scenes[20:23])
    real = passed_on(empty_bucket.stores.source.access.endpoint_url)

    def answer(handler, number):
        (REFUSED if unquote(handler.path).split("?")[0].endswith(".jpg") else real)(handler, number)

    with reached_through(empty_bucket, answer) as pipeline:
        plan = pipeline.plan()
        with pytest.raises(
            AssertionError, match="3 images of shard 0 have no row because store, mount or memory failed"
        ):
            pipeline.infer(plan)
        assert pipeline.summarize(plan).balance.fates["denied"] == 0
