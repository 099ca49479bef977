"""`python -m shoal health DATASET`: what the tables of an answer say is wrong with its cameras.

A lens that fouls, lamps that fail, a camera that was moved, a picture that is frozen, a clock that leaps, scores that fall. These
are findings: no image and no number is left out because of one.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from shoal.cli._json import add_json, print_json
from shoal.cli._numpy import need_numpy
from shoal.cli._reach import add_dataset, find_dataset, reach_results
from shoal.cli._table import lay_out
from shoal.cli._tell import tell
from shoal.contract.errors import shown
from shoal.contract.units import utc_text
from shoal.evidence.health.again import lasts

if TYPE_CHECKING:
    from shoal.answers.find import StoredRun
    from shoal.evidence.health.finding import Finding


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    add_dataset(parser)
    add_json(parser)


def execute(arguments: Namespace) -> int:
    """List what is wrong."""
    need_numpy("health")
    from shoal.answers.find import find_run  # noqa: PLC0415 - other commands do not need them
    from shoal.answers.views import view_answer  # noqa: PLC0415
    from shoal.evidence.health.found import find_health, why_none  # noqa: PLC0415
    from shoal.tables.session import open_database  # noqa: PLC0415

    dataset = find_dataset(arguments.dataset)
    with reach_results(arguments.dataset, dataset) as stores:
        run = find_run(stores.results, stores.layout)
        with open_database(stores.results, dataset.run, images=run.plan.counts.listed) as database:
            view_answer(database, run.summary)
            findings = find_health(database)
    if arguments.json:
        told = [finding.to_json() for finding in findings]
        print_json({"dataset": dataset.name, "run_key": run.run_key, "findings": told})
    else:
        tell(*_describe(findings, run, why_none(run.summary.dataset, run.summary.uses)))
    return 0


def _describe(findings: "Sequence[Finding]", run: "StoredRun", nothing: str) -> Iterator[str]:
    yield f"answer of run {run.run_key}; findings, no filter: no image and no number is left out because of one"
    if not findings:
        yield f"nothing found: {nothing}"
        return
    header = ["camera", "deployment", "trouble", "from", "to", "size"]
    yield lay_out(header, [_row(finding) for finding in findings])
    for finding in findings:
        yield f"{shown(finding.camera)} {finding.trouble}, {utc_text(finding.start)}: {finding.why}"
        if finding.before or finding.after:
            yield f"  before {shown(finding.before or 'none')}  after {shown(finding.after or 'none')}"


def _row(finding: "Finding") -> list[str]:
    return [
        shown(finding.camera),
        shown(finding.deployment),
        str(finding.trouble),
        utc_text(finding.start),
        _end(finding),
        f"{finding.size:.3g} {finding.unit}",
    ]


def _end(finding: "Finding") -> str:
    """Say until when; what happens in a moment has no end."""
    if finding.end is not None:
        return utc_text(finding.end)
    return "lasts" if lasts(finding.to_json()) else "-"
