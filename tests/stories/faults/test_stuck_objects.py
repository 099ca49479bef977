"""An object that the store never gives out: it is no bad image, it costs itself only, and one line leaves it out."""

import pytest

from pods.installation import put
from worker.http_faults import of, passed_on, status

GOOD = 12
STUCK = "20260601-000001-IPC608.jpg"


@pytest.fixture
def stuck(site, scenes):
    """A dataset of which one object answers 503 for ever."""
    tier = site.tier
    tier.make_bucket(f"{tier.prefix}-stuck-images")
    for scene in scenes[:GOOD]:
        put(tier.admin.connect(), f"{tier.prefix}-stuck-images", scene.key, scene.jpeg)
    put(tier.admin.connect(), f"{tier.prefix}-stuck-images", STUCK, scenes[0].jpeg)
    with site.store.broken(of(STUCK, status(503, "SlowDown"), passed_on(site.store_url))):
        yield tier.add_dataset("stuck", "direct", images="stuck-images", max_pods=1)


def test_an_object_that_answers_503_for_ever_is_left_out_by_one_line(site, stuck):
    tier = site.tier
    night = tier.run(stuck)
    summary = tier.summary(stuck, night)
    assert summary["run"]["balance"]["processed"] == GOOD
    assert summary["run"]["balance"]["unsettled"] == 1, "a store that does not answer is never a bad image (G7)"
    assert summary["result"]["failed_by_reason"] == {}
    assert not summary["complete"]
    assert "has no row because store, mount or memory failed" in tier.rest.log(
        f"reanalyse_{stuck.name}", night, "infer", 0
    )

    # What is left goes on in another run, to no other end: somebody reads its message and ends it.
    continuation = f"continue__{summary['run']['run_key']}"
    tier.rest.reached(f"reanalyse_{stuck.name}", continuation, "plan", "success")
    tier.rest.send("PATCH", f"dags/reanalyse_{stuck.name}/dagRuns/{continuation}", {"state": "failed"})
    stuck = tier.change(stuck, source={"ignore": [STUCK]})
    summary = tier.summary(stuck, tier.run(stuck))
    assert summary["complete"]
    assert summary["run"]["balance"]["reused"] == GOOD
    assert tier.left_in(stuck.cluster.namespace) == []
