"""A plan as a page: what a run found, what it would do, and the plan itself."""

import json
from collections.abc import Iterable

from fastapi.responses import HTMLResponse

from shoal.airflow.pages.frame import Crumb, crumbs, page, to_dataset, to_run
from shoal.bucket.sieve import ListingCounts
from shoal.contract.run_names import dataset_of
from shoal.models.approval import Answer
from shoal.results.stored_plan import StoredPlan
from shoal.tables.clock_table import TITLE

_DECISIONS = {
    "not_needed": "not needed",
    "approved": "given",
    "ask": "a person is asked before anything is inferred",
    "refused": "refused: nothing is inferred",
    "waits": "needed, and a scheduled run asks nobody: nothing is inferred",
}


def plan_page(dag_id: str, plan: StoredPlan, answer: Answer | None = None) -> HTMLResponse:
    """Show a plan.json; one of an earlier release, too.

    Args:
        dag_id: The DAG under which it is shown.
        plan: The plan.
        answer: What was said about its variant, before the plan or since; None where nothing was.
    """
    dataset, run = dataset_of(dag_id) or plan.dataset, to_run("run", dag_id, plan.variant.directory, plan.run_key)
    capacity = plan.capacity
    return page(
        "plan.html",
        f"Plan {plan.dataset}/{plan.run_key}",
        crumbs(Crumb(dataset, to_dataset(dataset)), Crumb(f"run {plan.run_key}", run), Crumb("plan")),
        facts=list(_facts(plan, answer)),
        beside=ListingCounts.of(vars(plan.listing)).describe(),
        clock=plan.clock,
        clock_head=TITLE,
        clock_rows=[line.cells() for line in plan.clock.lines] if plan.clock else [],
        remarks=plan.remarks,
        passed_over=[(entry.version, entry.reason) for entry in plan.passed_over],
        capacity=capacity,
        nodes=[(node.name, node.pods, ", ".join(node.binds)) for node in capacity.nodes] if capacity else [],
        shards=[(shard.shard, f"{shard.images:,}", shard.first_key, shard.last_key) for shard in plan.shards],
        stored=json.dumps(plan.json, indent=1, ensure_ascii=False),
    )


def _facts(plan: StoredPlan, answer: Answer | None) -> Iterable[tuple[object, object]]:
    counts, rate = plan.counts, plan.seconds_per_image
    yield "Model", f"{plan.models} ({plan.variant.directory})"
    if plan.service is not None:
        yield "Looked at by", f"a {plan.service.describe()}"
    started = f"a count of the images of run {plan.of_run}: nothing is listed or inferred" if plan.of_run else "a run"
    yield "Started as", "plan only: nothing is inferred" if plan.plan_only else started
    yield "Images listed", f"{counts.listed:,} ({plan.listing.size_bytes / 1e6:,.1f} MB)"
    yield "Reused", f"{counts.reused:,}"
    yield "To infer in this run", f"{counts.chosen:,}"
    if counts.archived:
        yield "In an archive, to be restored first", f"{counts.archived:,}"
    yield "Left for later", f"{counts.pending:,}"
    if plan.credentials:
        yield "Kind of login", ", ".join(f"{role}: {kind}" for role, kind in plan.credentials.items())
    if plan.run_keys.roles:
        yield "Pods have keys of this run's own for", ", ".join(plan.run_keys.roles)
    for role, why in plan.run_keys.why_not.items():
        yield f"Pods have the connection's key for {role}", why
    if counts.chosen or counts.pending:
        yield "Seconds per image", f"{rate.value:.3g} ({rate.source})"
        yield "Done in about", f"{plan.eta_s / 60:,.1f} min of inference"
    if approval := plan.approval:
        yield "All that is left", f"{approval.images:,} images, {approval.cpu_hours:,.3g} CPU hours"
        yield "Approval", _DECISIONS.get(approval.decision, approval.decision)
    if answer is not None:
        yield "Said about this variant", answer.tell()
