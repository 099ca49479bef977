"""Everything breaks at random moments, and every image is accounted for all the same: G1 to G10, by seed.

A seed deals some of the faults to one dataset; a few seeds run side by side, so what hits everybody hits all of them. Then
night follows night, as the cron would have it, until the answer is whole; it has to be the answer of a quiet night.
`SHOAL_SEEDS` says which seeds, see seeds.py; `make soak SEEDS=200` runs as many as asked.
"""

import random
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import pytest

from faults.faults import FAULTS, SEEDS_HERE, SEEDS_PER_DECK, SIDE_BY_SIDE, deal
from faults.record import record
from faults.scenario import MAX_NIGHTS, Scenario, patiently, twice
from faults.site import Site
from pipeline import numbers
from pods.installation import IMAGES, TRANSFERS
from seeds import chosen_seeds

SEEDS = chosen_seeds(SEEDS_HERE)


@pytest.fixture(scope="module")
def played(site) -> Iterator[dict[int, "Future[Scenario]"]]:
    """The scenario of each seed, at work or over."""
    pool = ThreadPoolExecutor(SIDE_BY_SIDE)
    yield {seed: pool.submit(_play, site, seed) for seed in SEEDS}
    pool.shutdown(wait=False, cancel_futures=True)  # after Ctrl-C: they end when Airflow is gone


def _play(site: Site, seed: int) -> Scenario:
    hand = deal(seed)
    transfer = "mount" if any(fault.needs_mount for fault in hand) else TRANSFERS[seed % len(TRANSFERS)]
    name, run = f"seed-{seed}", {"tolerated_failed_share": 0.0}
    tier = site.tier
    dataset = patiently(lambda: tier.add_dataset(name, transfer, max_pods=2, pod={"cpu": "100m"}, run=run))
    scenario = Scenario(site, dataset, random.Random(seed))
    scenario.play(hand)
    return scenario


@pytest.fixture(scope="module")
def quiet_night(site) -> dict[str, Any]:
    """The result of the same images where nothing breaks, without a cluster."""
    dataset = site.tier.add_dataset("quiet", "direct")
    local = dataset.model_dump(mode="json") | {"cluster": {"kind": "local", "share": 1.0}}
    return numbers(site.tier.pipeline(type(dataset).model_validate(local)).run(in_process=False).summary)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_answer_after_the_storm_is_that_of_a_quiet_night(site, quiet_night, played, seed):
    scenario = played[seed].result()
    assert scenario.whole(), f"no answer after {MAX_NIGHTS} nights: {scenario.story()}"
    assert not [run for run in scenario.runs() if run["state"] not in {"success", "failed"}]
    assert numbers(scenario.summary()) == quiet_night, scenario.story()

    inferences = scenario.inferences()
    assert len(inferences) == IMAGES
    record(seed, scenario, twice(inferences))


@pytest.fixture(scope="module")
def night_after(played):
    """The storm is over for everybody, and a night has passed after it."""
    wait(played.values())
    scenarios = [future.result() for future in played.values() if future.exception() is None]
    for scenario in scenarios:
        scenario.start_night()
    for scenario in scenarios:
        scenario.wait_idle()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_night_after_has_nothing_to_do_and_cleans_up_what_nobody_could(
    site, quiet_night, played, night_after, seed
):
    scenario = played[seed].result()
    summary = scenario.summary()
    assert summary["run"]["balance"]["reused"] == IMAGES, scenario.story()
    assert numbers(summary) == quiet_night
    stores = site.tier.pipeline(scenario.dataset).stores
    assert _verified(scenario) == ()
    assert stores.results.list_unfinished_uploads("") == []
    assert [pod.metadata.name for pod in scenario.pods()] == []


def test_nothing_of_all_that_is_left(site, played, night_after):
    for scenario in [future.result() for future in played.values()]:
        assert site.tier.left_in(scenario.namespace) == []
    assert site.cluster.rclone_mounts() == []


def test_as_many_seeds_as_there_are_hands_deal_every_fault_once():
    for group in range(3):
        seeds = range(group * SEEDS_PER_DECK, (group + 1) * SEEDS_PER_DECK)
        dealt = [fault.name for seed in seeds for fault in deal(seed)]
        assert sorted(dealt) == sorted(fault.name for fault in FAULTS)


def _verified(scenario: Scenario) -> tuple[str, ...]:
    pipeline = scenario.site.tier.pipeline(scenario.dataset)
    run = scenario.summary()["run"]
    current = pipeline.stores.results.read_json(pipeline.stores.layout.current)
    return pipeline.verify(run["run_key"], current["variant"]["directory"]).deviations
