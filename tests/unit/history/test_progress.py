"""How far a run is and when it will be through: asked of runs whose workers go at speeds that are known."""

from dataclasses import dataclass, replace

import pytest

from shoal.contract.progress_note import ProgressNote
from shoal.history.progress import SILENT_S, Said, ShardState, progress_of

SAID_EVERY_S = 20.0
BOX_S = 36_000.0


@dataclass(frozen=True)
class Simulated:
    """A worker: images of its shard, its speed, and when it starts."""

    images: int
    images_per_s: float
    starts_s: float = 0.0

    @property
    def ends_s(self) -> float:
        return self.starts_s + self.images / self.images_per_s

    def said(self, shard: int, now_s: float) -> list[Said]:
        """What it said last: every 20 s and at its end."""
        if now_s < self.starts_s:
            return []
        last_s = self.ends_s if now_s >= self.ends_s else now_s - (now_s - self.starts_s) % SAID_EVERY_S
        done = min(self.images, int((last_s - self.starts_s) * self.images_per_s))
        note = ProgressNote(
            shard, self.images, done, 0, self.images_per_s if done else None, BOX_S - last_s + self.starts_s, "", "",
            ended="done" if done == self.images else None,
        )  # fmt: skip
        return [Said(note, now_s - last_s)]


def look(workers: list[Simulated], now_s: float):
    said = {shard: worker.said(shard, now_s) for shard, worker in enumerate(workers)}
    return progress_of({shard: worker.images for shard, worker in enumerate(workers)}, said)


RUNS = {
    "all alike": [Simulated(2000, 4.0)] * 4,
    "one four times slower": [*[Simulated(2000, 4.0)] * 3, Simulated(2000, 1.0)],
    "one starts late": [*[Simulated(2000, 4.0)] * 3, Simulated(2000, 4.0, starts_s=100.0)],
    "uneven shards": [Simulated(4000, 4.0), Simulated(500, 4.0), Simulated(2000, 3.0)],
    "five hundred": [Simulated(2000, 4.0 + shard % 7 / 10) for shard in range(500)],
}


@pytest.mark.parametrize("workers", RUNS.values(), ids=RUNS)
def test_the_end_is_told_within_a_fifth_after_a_tenth_of_the_images(workers):
    images, ends_s = sum(one.images for one in workers), max(one.ends_s for one in workers)
    looks = [(now_s, look(workers, now_s)) for now_s in range(0, int(ends_s), 10)]
    told = [(now_s, progress) for now_s, progress in looks if images / 10 <= progress.done < images]
    assert len(told) > 10
    for now_s, progress in told:
        assert progress.eta_s is not None
        assert abs(now_s + progress.eta_s - ends_s) < 0.2 * ends_s, (now_s, progress.describe())
    assert look(workers, ends_s + 1).eta == "all done"


def test_shards_that_wait_for_a_worker_come_one_after_the_other():
    """Six shards of 100 s, two workers: the first two are half done, four wait."""
    said = {shard: [Said(note(shard, done=200), 0)] for shard in (0, 1)}
    progress = progress_of(dict.fromkeys(range(6), 400), said, workers=2)
    assert progress.eta_s == pytest.approx(50 + 2 * 100)
    assert progress.describe() == (
        "400 of 2400 images done, 0 of them failed, 2000 left; 8.0 images/s, ETA 4 min; shards: 4 waiting, 2 at work"
    )


def test_shards_that_wait_for_the_store_are_told_of_and_none_that_has_ended():
    """A slow store looks like a worker that hangs."""
    said = {
        0: [Said(note(0, done=3, images_per_s=0.0, waits_for_store=0.97), 5)],
        1: [Said(note(1, done=200, waits_for_store=0.07), 5)],
        2: [Said(note(2, done=400, waits_for_store=0.97, ended="done"), 5)],
        3: [Said(note(3, done=200, waits_for_store=-1e300), 5)],
    }
    progress = progress_of(dict.fromkeys(range(4), 400), said)
    assert [shard.waits_for_store for shard in progress.shards] == [0.97, 0.07, None, 0.0]
    assert progress.describe().endswith(
        "shards: 2 at work, 1 standing still, 1 done; 1 shard waits for the image store"
    )


def note(shard: int = 0, **said) -> ProgressNote:
    usual = ProgressNote(shard, 400, 0, 0, 4.0, BOX_S, "2026-06-01T00:00:00Z", "2026-06-01T00:01:00Z")
    return replace(usual, **said)


STATES = {
    "nothing said": ([], ShardState.WAITING, 0, 0),
    "at work": ([Said(note(done=100, failed=7), 5)], ShardState.AT_WORK, 100, 7),
    "silent": ([Said(note(done=100), SILENT_S)], ShardState.SILENT, 100, 0),
    "a worker that ended is tried again": ([Said(note(done=100, ended="infrastructure"), 5)], ShardState.LEFT, 100, 0),
    "the last minute has brought no image": ([Said(note(done=100, images_per_s=0.0), 5)], ShardState.STILL, 100, 0),
    "a rate beyond any": ([Said(note(done=100, images_per_s=1e308, budget_left_s=1e308), 5)], ShardState.AT_WORK, 100, 0),
    "its time box was over": ([Said(note(done=100, ended="done"), 900)], ShardState.ENDED, 100, 0),
    "done": ([Said(note(done=400, failed=3, ended="done"), 900)], ShardState.DONE, 400, 3),
    "a second attempt at what the first left": (
        [Said(note(images=300, done=50, failed=2), 3), Said(note(done=100, failed=5, ended="infrastructure"), 60)],
        ShardState.AT_WORK, 150, 7,
    ),
    "a second attempt that found less than the first had said": (
        [Said(note(images=350, done=0), 3), Said(note(done=100, failed=60), 60)], ShardState.AT_WORK, 50, 50,
    ),
    "more done than there is": ([Said(note(done=10**9, failed=10**9), 3)], ShardState.AT_WORK, 400, 400),
    "rows of all made, in no part yet": ([Said(note(done=400), 300)], ShardState.SILENT, 400, 0),
    "less than nothing": ([Said(note(images=10**9, done=-5, failed=-7, images_per_s=-1.0), -90)], ShardState.AT_WORK, 0, 0),
}  # fmt: skip


@pytest.mark.parametrize(("said", "state", "done", "failed"), STATES.values(), ids=STATES)
def test_a_shard_is_what_its_newest_attempt_says(said, state, done, failed):
    [shard] = progress_of({0: 400}, {0: said}).shards
    assert (shard.state, shard.done, shard.failed) == (state, done, failed)
    assert shard.age_s is None or shard.age_s >= 0


NO_TIME = {
    "nothing was said": ({}, "ETA unknown"),
    "the worker is silent": ({0: [Said(note(done=100), SILENT_S)]}, "ETA unknown"),
    "rows of all made, and the worker silent": (
        {shard: [Said(note(shard, done=400), SILENT_S)] for shard in (0, 1)}, "ETA unknown",
    ),
    "one stands still": (
        {0: [Said(note(done=100), 5)], 1: [Said(note(1, done=100, images_per_s=0.0), 5)]}, "ETA unknown: 1 shard stands still",
    ),
    "all ended, images left": (
        {0: [Said(note(done=400, ended="done"), 5)], 1: [Said(note(1, done=100, ended="done"), 5)]}, "all ended",
    ),
    "a shard that the plan does not have": ({7: [Said(note(7, done=1), 1)]}, "ETA unknown"),
}  # fmt: skip


@pytest.mark.parametrize(("said", "eta"), NO_TIME.values(), ids=NO_TIME)
def test_no_time_is_told_where_nobody_knows_it(said, eta):
    progress = progress_of({0: 400, 1: 400}, said)
    assert (progress.eta, progress.is_done) == (eta, False)


def test_a_time_box_that_is_too_short_ends_the_run_and_says_what_it_leaves():
    progress = progress_of({0: 400}, {0: [Said(note(done=100, budget_left_s=25.0), 5)]})
    assert (progress.eta_s, progress.not_in_time) == (20.0, 300 - 80)
    assert progress.describe().endswith("; 220 will not fit into the time box")


BOXED = {
    "it waits": ([], 60 + 60, 400 - 240),
    "its worker left it": ([Said(note(1, done=100, ended="infrastructure"), 5)], 60 + 60, 300 - 240),
    "its worker is gone, with what it did last": ([Said(note(1, done=390), SILENT_S)], 60 + 60, 400 - 240),
    "its time box was over": ([Said(note(1, done=100, ended="done"), 5)], 60, 300),
    "it failed": ([Said(note(1, done=100, ended="too_many_failed"), 5)], 60, 0),
    "it has not come to its first image": ([Said(note(1, images_per_s=None, budget_left_s=65.0), 5)], 60, 400 - 240),
}  # fmt: skip


@pytest.mark.parametrize(("said", "eta_s", "left"), BOXED.values(), ids=BOXED)
def test_a_shard_beside_one_at_work_has_a_time_box_of_its_own(said, eta_s, left):
    """The other has a minute left of its own at 4 images/s; a box is 60 s."""
    progress = progress_of({0: 400, 1: 400}, {0: [Said(note(done=160), 0)], 1: said}, workers=1, budget_s=60.0)
    assert (progress.eta_s, progress.not_in_time) == (eta_s, left)
