"""What a summary tells beside its numbers: what labels make of them, troubles of cameras, boxes of things that stand.

All of it follows from the answer's tables and from what people had said by then, so the same answer gives the same bytes. Counts
are corrected for all images of the answer; cameras are looked at in its newest days alone, or a night of a ten-year dataset would
cost ten years.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from shoal.answers.find import StoredRun
from shoal.answers.views import view_answer
from shoal.answers.where import Where
from shoal.contract.errors import one_line
from shoal.contract.layout import FORMAT_VERSION, DatasetLayout
from shoal.contract.tasks.classify import CLASSIFY
from shoal.contract.units import read_time, utc_text
from shoal.evidence.health.again import KNOWN_BY, lasts
from shoal.evidence.label_state import LabelState
from shoal.evidence.repeats.decisions import Decision
from shoal.pictures.people import people_of
from shoal.tables.session import Database

if TYPE_CHECKING:
    from shoal.evidence.repeats.found import Repeats

ESTIMATES_FILE, FINDINGS_FILE = "estimates.json", "findings.json"

LOOKED = timedelta(days=400)
"""So far back from the newest image cameras are looked at."""

LEAST_IMAGES = 100
"""Examined images from which on cameras are looked at: fewer tell too little for what it costs each summary."""

MOST_FINDINGS = 200
"""Troubles that a summary tells with pictures, those that last first, then the latest; `health` lists all."""

MOST_KNOWN = 5_000
"""Troubles of which it says which they are: an object that pages read has 4 MiB at most."""

MOST_THINGS = 60
"""Clusters of boxes that a summary tells with images, those with most boxes; `repeats` lists all."""

DIGITS = 9
"""Significant digits of what is stored: the last ones of a float depend on the processor."""

TOO_FEW = f"of an answer of fewer than {LEAST_IMAGES} images a summary tells none"
NO_ANSWER = "this run is not complete, or may not become the answer"
NO_NUMPY = "numpy is not installed where summaries are made: pip install 'shoal[worker]' there, then run again"


@dataclass(frozen=True)
class AnswerEvidence:
    """It; None where there is nothing of a kind, and why not, in words without a name of the run.

    Attributes:
        estimates: As estimates.json has it.
        findings: As findings.json has it.
        why_no_estimates: Empty where nobody has labelled anything.
        why_no_findings: Why nobody looked.
        failed: Why nothing could be found; empty where it could, or where there is nothing to look for.
        only_now: Whether that is of this moment, and another one may do: no other night may name the report again.
    """

    estimates: Mapping[str, Any] | None = None
    findings: Mapping[str, Any] | None = None
    why_no_estimates: str = ""
    why_no_findings: str = ""
    failed: str = ""
    only_now: bool = False

    @property
    def files(self) -> dict[str, Mapping[str, Any]]:
        """What is stored of it, by the names of files."""
        both = ((ESTIMATES_FILE, self.estimates), (FINDINGS_FILE, self.findings))
        return {name: value for name, value in both if value is not None}

    @property
    def why_not(self) -> dict[str, str]:
        """Why there is nothing of a kind, for summary.json: a page has no other word of it."""
        return {"estimates": self.why_no_estimates, "findings": self.why_no_findings}


def numpy_release() -> str | None:
    """Name the release of numpy, without importing it; None where it is not installed."""
    try:
        return version("numpy")
    except PackageNotFoundError:
        return None


def has_numpy() -> bool:
    """Whether anything of this can be computed here: the wheel alone has no need of numpy."""
    return find_spec("numpy") is not None


def write_evidence(value: Mapping[str, Any]) -> bytes:
    """Write one of the two as it is stored."""
    return json.dumps(_rounded(value), ensure_ascii=False, indent=1, allow_nan=False).encode()


def is_told(result: Mapping[str, Any], labels: LabelState) -> bool:
    """Whether there is anything to look for in an answer."""
    return labels.is_labelled or result["examined"] >= LEAST_IMAGES


def read_evidence(
    database: Database, layout: DatasetLayout, run: StoredRun, labels: LabelState, decisions: Sequence[Decision]
) -> AnswerEvidence:
    """Read what there is to tell of an answer.

    Args:
        database: A session on the results bucket, with no views yet.
        layout: The dataset.
        run: Whose answer; its tables are stored.
        labels: What people had labelled.
        decisions: What they had said of repeat detections.

    Raises:
        ContractError: A stored object is not what it must be.
        StoreError: The bucket does not answer.
    """
    if not has_numpy():
        return AnswerEvidence(why_no_estimates=NO_NUMPY if labels.is_labelled else "", why_no_findings=NO_NUMPY)
    estimates, why_not = None, ""
    if labels.is_labelled:
        from shoal.evidence.estimates.make import NoLabelsError  # noqa: PLC0415 - numpy is not there everywhere

        try:
            estimates = _estimate(database, layout, run, labels)
        except NoLabelsError as err:
            why_not = one_line(err)
    if run.summary.examined < LEAST_IMAGES:
        return AnswerEvidence(estimates, None, why_not, TOO_FEW)
    return AnswerEvidence(estimates, _find(database, run, decisions), why_not)


def _estimate(database: Database, layout: DatasetLayout, run: StoredRun, labels: LabelState) -> dict[str, Any]:
    from shoal.evidence.estimates.frame_days import read_frame_days  # noqa: PLC0415 - numpy is not there everywhere
    from shoal.evidence.estimates.make import need_labels, tell_left_out, told_of_sampled  # noqa: PLC0415
    from shoal.evidence.estimates.taxa import estimate_taxa  # noqa: PLC0415
    from shoal.evidence.read_sampled import read_sampled  # noqa: PLC0415

    sampled = read_sampled(database, layout, run, run.plan.settings.taxa, labels)
    need_labels(sampled, layout.dataset, run.plan.models)
    known, frame = sampled.images.predicted, sampled.frame.predicted
    seen = [taxon for taxon in known if frame[taxon] or sampled.images.labelled[taxon].any()]
    taxa = estimate_taxa(sampled.images.of(seen), read_frame_days(database, seen))
    return {
        "format_version": FORMAT_VERSION,
        "kind": "estimates",
        "dataset": layout.dataset,
        "model": run.plan.models,
        "labels_sha256": labels.sha256,
        "samples": list(sampled.samples),
        "label_files": list(labels.labels),
        **told_of_sampled(sampled),
        "remarks": [*tell_left_out(sampled, run.plan.models), *_tell_unseen(len(known) - len(seen))],
        "taxa": [taxon.to_json() for taxon in taxa],
    }


def _tell_unseen(taxa: int) -> list[str]:
    """Say how many taxa are not told of: a model may know ten thousand, of which a reef has thirty."""
    return (
        [f"not of {taxa} {'taxon' if taxa == 1 else 'taxa'} that neither the model nor people saw in these images"]
        if taxa
        else []
    )


def _find(database: Database, run: StoredRun, decisions: Sequence[Decision]) -> dict[str, Any]:
    from shoal.evidence.health.found import find_health  # noqa: PLC0415 - as above
    from shoal.evidence.repeats.found import Repeats, find_repeats  # noqa: PLC0415

    since = _since(run.summary.result)
    view_answer(database, run.summary, Where(start=since))
    troubles = tell_health([one.to_json() for one in find_health(database)])
    kept = troubles["health"]
    health = int(database.value("SELECT count(*) FROM pictures"))
    boxes = run.plan.task != CLASSIFY.name
    repeats = find_repeats(database, run.plan.settings.taxa, decisions) if boxes else Repeats()
    return {
        "format_version": FORMAT_VERSION,
        "kind": "findings",
        "dataset": run.summary.dataset,
        "since": since and utc_text(since),
        "images": health,
        **troubles,
        "versions": _versions(database, [key for one in kept for key in (one["before"], one["after"]) if key]),
        "repeats": {**_of_repeats(repeats), "things": _things(database, run, repeats) if repeats.clusters else []},
    }


def tell_health(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Give as many as are told whole; of the rest what says which they are, so that nobody takes one for new some night.

    Of those beyond it is told how many they are.
    """
    latest = sorted(range(len(found)), key=lambda number: (lasts(found[number]), found[number]["from"]), reverse=True)
    kept = set(latest[:MOST_FINDINGS])
    named = set(latest[MOST_FINDINGS:MOST_KNOWN])
    rest = [one for number, one in enumerate(found) if number in named]
    unnamed = len(found) - len(kept) - len(rest)
    return {
        "health": [dict(one) for number, one in enumerate(found) if number in kept],
        **(
            {"more_health": [{name: one[name] for name in (*KNOWN_BY, "size", "unit")} for one in rest]} if rest else {}
        ),
        **({"unnamed_health": unnamed} if unnamed else {}),
    }


def health_of(findings: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Give all troubles of findings.json, those among them of which it says no more than which they are."""
    return [*findings["health"], *findings.get("more_health", ())]


def count_health(findings: Mapping[str, Any]) -> int:
    """Say how many troubles of cameras there are, those among them that findings.json does not name."""
    return len(health_of(findings)) + int(findings.get("unnamed_health", 0))


def _versions(database: Database, keys: Sequence[str]) -> dict[str, str]:
    """Say which version of each image it was: pages ask for a picture by both."""
    query = "SELECT key, object_version FROM images WHERE list_contains(?::VARCHAR[], key) ORDER BY key"
    return dict(database.run(query, [list(keys)]).fetchall()) if keys else {}


def _things(database: Database, run: StoredRun, found: "Repeats") -> list[dict[str, Any]]:
    """Give what a person decides by: the clusters with most boxes, and images of each that show nobody."""
    from shoal.evidence.repeats.sheet import pick_images  # noqa: PLC0415 - as above

    things = found.clusters[:MOST_THINGS]
    people = people_of(run.summary.result, run.run_key, run.plan.settings.taxa)
    shots: dict[int, list[dict[str, Any]]] = {}
    for row in pick_images(database, things, people):
        box = [round(row[edge], 4) for edge in ("x1", "y1", "x2", "y2")]
        shots.setdefault(row["place"], []).append(
            {"key": row["key"], "object_version": row["object_version"], "box": box}
        )
    return [{**_of_cluster(one.to_json()), "shots": shots.get(number, [])} for number, one in enumerate(things)]


def _of_cluster(told: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what people said of it: that is asked anew whenever somebody looks."""
    return {name: value for name, value in told.items() if name not in {"state", "decision"}}


def _of_repeats(found: "Repeats") -> dict[str, Any]:
    return {
        "open": sum(one.decision is None for one in found.clusters),
        "clusters": len(found.clusters),
        "coming_back": found.coming_back,
        "sessile_taxa": list(found.left_out),
        "taxa": [one.to_json() for one in found.taxa],
    }


def newest_of(result: Mapping[str, Any]) -> datetime | None:
    """Say when the newest image of an answer was taken; None where no time is known."""
    return max((read_time(one["to"]) for one in result["axis"]), default=None)


def _since(result: Mapping[str, Any]) -> datetime | None:
    """Say from when on cameras are looked at; None where that is all of their time."""
    newest, starts = newest_of(result), [read_time(one["from"]) for one in result["axis"]]
    if newest is None or min(starts) >= newest - LOOKED:
        return None
    return (newest - LOOKED).replace(hour=0, minute=0, second=0, microsecond=0)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, Mapping):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value
