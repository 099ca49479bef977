"""A plan as a page: what a run found, what it would do, and the plan itself."""

import json
from collections.abc import Iterable
from html import escape

from shoal.bucket.sieve import ListingCounts
from shoal.contract.errors import shown_lines
from shoal.models.approval import Answer
from shoal.results.plan_parts import StoredCapacity, StoredListing, StoredPassedOver, StoredShard
from shoal.results.stored_plan import StoredPlan
from shoal.tables.clock_table import TITLE, ClockTable

_STYLE = (
    "body{font:14px system-ui,sans-serif;margin:2em;max-width:70em}"
    "table{border-collapse:collapse;margin:0 0 1.5em}td,th{border:1px solid #ccc;padding:.3em .7em;text-align:left}"
    "th{background:#f2f2f2}pre{background:#f7f7f7;padding:1em;overflow:auto}"
)
_DECISIONS = {
    "not_needed": "not needed",
    "approved": "given",
    "ask": "a person is asked before anything is inferred",
    "refused": "refused: nothing is inferred",
    "waits": "needed, and a scheduled run asks nobody: nothing is inferred",
}


def render_plan(plan: StoredPlan, answer: Answer | None = None) -> str:
    """Write a plan.json as HTML; one of an earlier release, too.

    Args:
        plan: The plan.
        answer: What was said about its variant, before the plan or since; None where nothing was.
    """
    name = f"{plan.dataset}/{plan.run_key}"
    parts = [
        f"<h1>Plan {escape(name)}</h1>",
        _table((), _facts(plan, answer)),
        _beside(plan.listing),
        _clock(plan.clock),
        _remarks(plan.remarks),
        _passed_over(plan.passed_over),
        _capacity(plan.capacity),
        _shards(plan.shards),
        f"<h2>plan.json</h2><pre>{escape(json.dumps(plan.json, indent=1, ensure_ascii=False))}</pre>",
    ]
    head = f"<meta charset='utf-8'><title>Plan {escape(name)}</title><style>{_STYLE}</style>"
    return shown_lines(f"<!doctype html><html lang='en'><head>{head}</head><body>{''.join(parts)}</body></html>")


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
    if counts.chosen or counts.pending:
        yield "Seconds per image", f"{rate.value:.3g} ({rate.source})"
        yield "Done in about", f"{plan.eta_s / 60:,.1f} min of inference"
    if approval := plan.approval:
        yield "All that is left", f"{approval.images:,} images, {approval.cpu_hours:,.3g} CPU hours"
        yield "Approval", _DECISIONS.get(approval.decision, approval.decision)
    if answer is not None:
        yield "Said about this variant", answer.tell()


def _beside(listing: StoredListing) -> str:
    """Tell what was left out of the listing and what nobody looks at, in the words of the plan's own log."""
    lines = ListingCounts.of(vars(listing)).describe()
    return f"<h2>Beside the images</h2>{''.join(f'<p>{escape(line)}</p>' for line in lines)}" if lines else ""


def _clock(clock: ClockTable | None) -> str:
    if clock is None or not clock.lines:
        return ""
    more = f"<p>and {clock.more_lines:,} more lines of {clock.more_keys:,} images</p>" if clock.more_lines else ""
    odd = "".join(f"<p>{escape(sentence)}</p>" for sentence in clock.odd)
    return f"<h2>Times and cameras</h2>{_table(TITLE, (line.cells() for line in clock.lines))}{more}{odd}"


def _remarks(remarks: Iterable[str]) -> str:
    """Tell corrected clocks, odd names and what changed since the last run, in the words of the plan's own log."""
    lines = "".join(f"<p>{escape(line)}</p>" for line in remarks)
    return f"<h2>What else is to be known</h2>{lines}" if lines else ""


def _passed_over(passed: Iterable[StoredPassedOver]) -> str:
    rows = [(entry.version, entry.reason) for entry in passed]
    return f"<h2>Versions passed over</h2>{_table(('Version', 'Why'), rows)}" if rows else ""


def _capacity(capacity: StoredCapacity | None) -> str:
    if capacity is None:
        return "<p>Room was not looked for.</p>"
    rows = [(node.name, node.pods, ", ".join(node.binds)) for node in capacity.nodes]
    return f"<h2>Room</h2><p>{escape(capacity.reason)}</p>{_table(('Node', 'Workers', 'Bound by'), rows)}"


def _shards(shards: Iterable[StoredShard]) -> str:
    rows = [(shard.shard, f"{shard.images:,}", shard.first_key, shard.last_key) for shard in shards]
    return f"<h2>Shards</h2>{_table(('Shard', 'Images', 'First key', 'Last key'), rows)}" if rows else ""


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    top = "".join(f"<th>{escape(text)}</th>" for text in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{f'<tr>{top}</tr>' if top else ''}{body}</table>"
