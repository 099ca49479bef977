"""A dataset and its runs in a line each, however many runs infer nothing, and which of them looked at a month."""

import pytest

from pipeline import make_pipeline
from shoal.history.digest import digest
from shoal.history.notes import Notes
from shoal.history.overview import LOOKED_AT, read_overview

LATER = "20300101T0000{:02}Z-abcd1234"


@pytest.fixture(scope="module")
def planned(store, demo_models, scenes, tmp_path_factory):
    """A run that is planned, and what writes others like it."""
    pipeline = make_pipeline(store, {"v1": demo_models["v1"]}, tmp_path_factory.mktemp("overview"))
    pipeline.put_scenes(scenes[:1])
    plan = pipeline.plan()
    layout = pipeline.stores.layout.variant(plan.variant.directory)
    stored = pipeline.stores.results.read_json(layout.run(plan.run_key).plan)

    def write(run_key, scope=None, params=None):
        changed = {
            "run_key": run_key,
            "scope": stored["scope"] | (scope or {}),
            "params": stored["params"] | (params or {}),
        }
        pipeline.stores.results.write_json(layout.run(run_key).plan, stored | changed)
        return run_key

    return pipeline, plan, write


@pytest.mark.parametrize(
    ("others", "short"),
    [
        pytest.param(9, "infer 0% · ETA unknown", id="the newest nine infer nothing"),
        pytest.param(LOOKED_AT, f"its newest {LOOKED_AT} runs were to infer nothing", id="more than are looked at"),
    ],
)
def test_a_run_under_way_is_seen_behind_plans_without_inference(planned, others, short):
    pipeline, plan, write = planned
    results, layout = pipeline.stores.results, pipeline.stores.layout.variant(plan.variant.directory)
    written = [write(LATER.format(number), params={"plan_only": True}) for number in range(others)]
    seen = read_overview(pipeline.stores, pipeline.dataset, Notes())
    results.delete(layout.run(run_key).plan for run_key in written)
    assert seen.short == short
    assert (seen.latest and seen.latest.run_key) == (plan.run_key if others < LOOKED_AT else None)
    assert [(one.directory, one.runs, one.newest) for one in seen.variants] == [
        (plan.variant.directory, others + 1, written[-1])
    ]


MONTHS = {
    "a month": ("2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z", {}, "2026-06"),
    "december": ("2025-12-01T00:00:00Z", "2026-01-01T00:00:00Z", {}, "2025-12"),
    "two months": ("2026-06-01T00:00:00Z", "2026-08-01T00:00:00Z", {}, None),
    "a day": ("2026-06-01T00:00:00Z", "2026-06-02T00:00:00Z", {}, None),
    "30 days": ("2026-06-02T00:00:00Z", "2026-07-02T00:00:00Z", {}, None),
    "from then on": ("2026-06-01T00:00:00Z", None, {}, None),
    "a camera's month": ("2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z", {"prefix": "IPC608/"}, None),
    "no time": ("yesterday", "today", {}, None),
}


@pytest.mark.parametrize(("start", "end", "params", "month"), MONTHS.values(), ids=MONTHS)
def test_a_run_looked_at_a_month_only_where_it_looked_at_all_of_it_and_no_more(planned, start, end, params, month):
    pipeline, plan, write = planned
    run_key = write(LATER.format(0), {"window_start": start, "window_end": end}, params)
    found = digest(pipeline.stores.results, pipeline.stores.layout, run_key, plan.variant.directory)
    assert (found.month, found.state) == (month, "no summary")
