"""What a paper says of an answer: how its numbers came to be, in a paragraph, and the entries for its list of references.

Every figure is one that plan.json or summary.json holds; nothing is computed here but sums of what they count.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shoal.answers.find import StoredRun
from shoal.contract.errors import ConfigError, one_line
from shoal.contract.layout import FORMAT_VERSION, DatasetLayout
from shoal.contract.minted_names import run_time
from shoal.contract.tasks.classify import CLASSIFY
from shoal.contract.units import agreed, counted, utc_text
from shoal.results.fates import fates_of, not_examined
from shoal.results.stored_plan import StoredPlan
from shoal.results.stored_summary import StoredSummary
from shoal.stores.object_store import ObjectStore

SOFTWARE = "Shoal"
MOST_TAXA = 12
"""Thresholds of so many are written out; of more the dataset's settings tell."""

_ESCAPED = str.maketrans(
    {one: f"\\{one}" for one in "&%$#_{}"} | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}"}
)


@dataclass(frozen=True)
class Cited:
    """What is pasted into a paper.

    Attributes:
        methods: Sentences.
        bibtex: Entries of the data, the program and the model, as far as anybody said how they are cited.
        facts: The same as fields, for programs.
    """

    methods: tuple[str, ...]
    bibtex: tuple[str, ...]
    facts: Mapping[str, Any]


def cite(run: StoredRun) -> Cited:
    """Write how a complete run is cited.

    Raises:
        ConfigError: It is not complete: its numbers are of a part of the images, and the next run has others.
    """
    plan, summary = run.plan, run.summary
    if not summary.complete:
        raise ConfigError(
            f"Run {plan.run_key} is not complete, what it counts is not what its images hold - python -m shoal why "
            f"{plan.dataset}/{plan.run_key} says what is left"
        )
    methods = (*_images(plan, summary), *_model(plan), *_uses(summary), *_counts(plan, summary), *_proof(plan, summary))
    return Cited(methods, tuple(_entries(plan, summary)), _facts(plan, summary))


def keep_cited(results: ObjectStore, layout: DatasetLayout, run: StoredRun) -> str:
    """Store that a run is cited, so that `gc` keeps all that it takes to verify it; return where."""
    key = layout.cited(run.plan.run_key)
    if not results.has(key):
        results.write_json(key, cited_json(run))
    return key


def cited_json(run: StoredRun) -> dict[str, Any]:
    """Write `cited/<run_key>.json`."""
    return {
        "format_version": FORMAT_VERSION,
        "run_key": run.plan.run_key,
        "variant": run.plan.variant.directory,
        "result_sha256": run.summary.result_sha256,
        "cited_at": utc_text(datetime.now(UTC)),
    }


def _images(plan: StoredPlan, summary: StoredSummary) -> Iterator[str]:
    scope, listed_at = plan.scope, plan.listing.frozen_at.listed_at
    part = " and ".join(
        [
            *([f"whose names begin with {scope.prefix}"] if scope.prefix else []),
            *([f"taken from {scope.window_start or 'the first'} to {scope.window_end or 'the last'}"]
              if scope.window_start or scope.window_end else []),
            *([f"the first {scope.limit} of them"] if scope.limit else []),
        ]
    )  # fmt: skip
    listed, fates = plan.counts.listed, fates_of(summary.balance)
    of = f"images of the data set {plan.dataset}{f' ({part})' if part else ''}, as listed on {listed_at:%Y-%m-%d at %H:%M} UTC,"
    by_whom = _by_whom(plan, summary)
    if fates["examined"] == listed:
        yield f"All {listed} {of} were examined with {by_whom}."
        return
    others = ", ".join(f"{images} {agreed(images, 'were')} {words}" for images, words in not_examined(fates))
    examined = f"{fates['examined']} {agreed(fates['examined'], 'were')} examined with {by_whom}"
    yield f"Of {listed} {of} {examined}; of the others {others}."


def _by_whom(plan: StoredPlan, summary: StoredSummary) -> str:
    """Name the releases; where a run tells its own alone, of how many images it is not: others may have looked at those."""
    if named := summary.run.get("examined_with"):
        return f"{SOFTWARE} {', '.join(named)}"
    if plan.of_run:
        return f"{SOFTWARE} in run {plan.dataset}/{plan.of_run}"
    own, reused = ", ".join(summary.run.get("worker_versions") or ()), summary.balance.get("reused", 0)
    if not reused:
        return f"{SOFTWARE} {own or '(release unknown)'}"
    return f"{f'{SOFTWARE} {own}'.rstrip()}, {reused} of them in earlier runs"


def _model(plan: StoredPlan) -> Iterator[str]:
    if plan.service is not None:
        yield f"The model was a service, {plan.models}: {plan.service.describe()}."
    else:
        inference = plan.job.inference
        height, width = inference.imgsz
        tiles = f" in overlapping tiles of {inference.tile[1]} x {inference.tile[0]} px" if inference.tile else ""
        nms = "" if plan.task == CLASSIFY.name else f", non-maximum suppression at an IoU of {inference.iou:g}"
        yield (
            f"The model {plan.models_with_hash} looked at each image{tiles}, scaled to {width} x {height} px{nms} (variant "
            f"{plan.variant.sha256})."
        )
    if plan.cite_model:
        yield f"{plan.cite_model[:1].upper()}{plan.cite_model[1:]}."


def _uses(summary: StoredSummary) -> Iterator[str]:
    uses = summary.uses
    left_out = [f"{uses[name]} {words}" for name, words in _LEFT_OUT.items() if uses.get(name)]
    reasons = ", ".join(f"{images} {reason}" for reason, images in sorted(summary.result["failed_by_reason"].items()))
    rest = f"; {', '.join(left_out)} stand in no number{f' ({reasons})' if reasons else ''}" if left_out else ""
    yield f"Of {counted(summary.examined, 'examined image')} {uses['used']} are counted{rest}."


_LEFT_OUT = {
    "duplicate": "with the content of another one",
    "undated": "without a usable time of capture",
    "unusable": "excluded by their brightness, sharpness or content",
    "failed": "that could not be read or decoded",
}


def _counts(plan: StoredPlan, summary: StoredSummary) -> Iterator[str]:
    conf = summary.result["conf"]
    own = {
        name: taxon.conf
        for name, taxon in plan.settings.taxa.items()
        if taxon.conf is not None and taxon.conf != conf and not summary.result["conf_replaces_every_class"]
    }
    others = ", ".join(f"{name} {value:g}" for name, value in list(own.items())[:MOST_TAXA])
    more = f" and {len(own) - MOST_TAXA} more, see its settings" if len(own) > MOST_TAXA else ""
    yield f"Detections count from a score of {conf:g}{f' ({others}{more})' if others else ''}."
    merged = {name: taxon.merge_into for name, taxon in plan.settings.taxa.items() if taxon.merge_into}
    if merged:
        yield f"Classes counted as another one: {', '.join(f'{name} as {into}' for name, into in merged.items())}."
    if plan.task != CLASSIFY.name:
        yield (
            "Counts are detections in images, not individuals; MaxN is the largest number in one image, which grows with the "
            "number of images; shares of images with detections are not corrected for imperfect detection."
        )
    if (censored := int(summary.result.get("censored_images") or 0)) > 0:
        yield f"In {counted(censored, 'image')} the model found as many boxes as are kept of one, and may have seen more."


def _proof(plan: StoredPlan, summary: StoredSummary) -> Iterator[str]:
    yield (
        f"The result is run {plan.dataset}/{plan.run_key} with SHA-256 {summary.result_sha256}; images, model and settings "
        "determine it, and `python -m shoal verify` recomputes it from what is stored."
    )
    publish = plan.settings.publish
    if publish.handle:
        yield f"The images are described at {publish.handle}."
    if publish.licence:
        yield f"Licence of the numbers: {publish.licence.data}; of the images: {publish.licence.media}."


def _entries(plan: StoredPlan, summary: StoredSummary) -> Iterator[str]:
    publish, year = plan.settings.publish, run_time(plan.run_key).year
    title = publish.title or (publish.project.title if publish.project else f"Counts of {plan.dataset}")
    authors = " and ".join(f"{{{_tex(one.name)}}}" for one in publish.contributors)
    yield _entry(
        "misc",
        f"{plan.dataset}-{plan.run_key}",
        {
            "title": _tex(title),
            "author": authors,
            "year": str(year),
            "howpublished": rf"\url{{{publish.handle}}}" if publish.handle else "",
            "note": _tex(f"Run {plan.dataset}/{plan.run_key}, result SHA-256 {summary.result_sha256}"),
        },
    )
    yield _entry(
        "software",
        "shoal",
        {
            "title": SOFTWARE,
            "author": "{The Shoal developers}",
            "version": _tex(_releases(summary)),
            "note": "Apache-2.0",
        },
    )


def _releases(summary: StoredSummary) -> str:
    """Name the releases that made the answer's rows; empty where nobody wrote them all down."""
    named = summary.run.get("examined_with")
    if named is None and not summary.run["balance"]["reused"]:  # of an earlier release: its own rows are all
        named = summary.run.get("worker_versions")
    return ", ".join(named or ())


def _entry(kind: str, name: str, fields: Mapping[str, str]) -> str:
    lines = [f"  {field} = {{{value}}}," for field, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{name},", *lines, "}"])


def _tex(text: str) -> str:
    return one_line(text).translate(_ESCAPED)


def _facts(plan: StoredPlan, summary: StoredSummary) -> dict[str, Any]:
    return {
        "run": f"{plan.dataset}/{plan.run_key}",
        "result_sha256": summary.result_sha256,
        "variant_sha256": plan.variant.sha256,
        "model": plan.models_with_hash,
        "listed_at": utc_text(plan.listing.frozen_at.listed_at),
        "images": plan.counts.listed,
        "examined": summary.examined,
        "uses": dict(summary.uses),
    }
