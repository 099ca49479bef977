"""report.html: the summary for people, one self-contained file."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from shoal.answers.where import Where
from shoal.contract.hashing import canonical_sha256
from shoal.contract.rows import FATES
from shoal.contract.tasks.classify import CLASSIFY
from shoal.contract.units import utc_text
from shoal.evidence.estimates.told import ToldTaxon, tell_taxa
from shoal.exports.asides import describe_asides, describe_unread
from shoal.exports.explore import read_explore
from shoal.exports.export import Answer, Compared, Written
from shoal.exports.report.comparison import ComparisonText, ask_pictures, with_pictures
from shoal.exports.report.environment import environment
from shoal.exports.report.pages import Pages
from shoal.exports.report.pictures import Picture, choose_pictures, common_reason, draw_pictures, group_pictures
from shoal.exports.report.policy import COMPARISON_SCRIPTS, POLICY, SCRIPTS
from shoal.exports.report.script_data import (
    CAUSES,
    FIRST_SHOWN,
    event_data,
    local_text,
    looks_of,
    script_data,
    spans_days,
    within_script,
)
from shoal.exports.report.troubles import ask_troubles, pictured, tell_more, tell_repeats, tell_troubles
from shoal.exports.report.verdict import say_verdict
from shoal.exports.table_file import SPREADSHEET
from shoal.results.stored_plan import StoredPlan
from shoal.settings.dataset import Dataset
from shoal.settings.deployments import Deployment
from shoal.settings.moments import in_utc
from shoal.tables.session import Database

_UNDATED = "SELECT clock_flag AS flag, count(*)::BIGINT AS images FROM images WHERE use = 'undated' GROUP BY 1 ORDER BY 2 DESC, 1"


MOST_DIFFERING = 3
"""Images of a comparison in a report, whose pictures have little room; `compare --html` has more."""


class Report:
    """The summary for people; it links to the files written before it."""

    name = "report"
    content_type = "text/html; charset=utf-8"
    needs_complete = False
    # Its pictures are made of images that may be gone by then: its sha256 is all that verify can compare.
    repeatable = False

    def missing(self, dataset: Dataset) -> list[str]:  # noqa: ARG002 - the door's
        """Need nothing of the dataset file."""
        return []

    def write(self, database: Database, answer: Answer, to: Path, where: Where) -> Written:  # noqa: ARG002 - the door's
        """Write report.html."""
        database.run_file("left_out")
        explore = answer.explore or read_explore(database, answer.plan, answer.result)
        whole_images = answer.plan.task == CLASSIFY.name
        events = event_data(
            {"series": []} if whole_images else answer.result, explore
        )  # of a classifier MaxN tells nothing
        data = {**script_data(explore, whole_images=whole_images), "events": events}
        looks = looks_of([taxon["taxon"] for taxon in explore["taxa"]])
        asked = choose_pictures(explore, {name: look["colour"] for name, look in looks.items()})
        compared = answer.compared
        differed = ask_pictures(compared.found.differed[:MOST_DIFFERING]) if compared and compared.found else []
        of_troubles = ask_troubles(database, answer.evidence)
        drawn = draw_pictures([*differed, *asked, *of_troubles], answer.draw)
        pictures = drawn[len(differed) : len(differed) + len(asked)]
        troubles = tell_troubles(answer.evidence, drawn[len(differed) + len(asked) :])
        side_by_side = compare_text(compared, drawn[: len(differed)])
        run = shown_of_run(answer.run)
        first, second = say_verdict(answer.result, run)
        pages = Pages.of(answer.plan)
        html = (
            environment()
            .get_template("report.html.j2")
            .render(
                **_first_told(explore),
                description=answer.plan.settings.description,
                narrowed=describe_narrowing(answer.plan, answer.result),
                full_scope=answer.plan.scope.full,
                is_trial=not answer.plan.may_become_current,
                result=answer.result,
                cited=answer.plan.cited,
                cited_then=answer.plan.cite_then,
                drops_below=answer.plan.drops_below,
                task=answer.result.get("task"),
                models=answer.plan.models,
                then=answer.result.get("then"),
                first_classes=answer.result.get("first_classes"),
                whole_images=whole_images,
                covered=answer.result.get("covered"),
                without_mask=any(one["without_mask"] for one in answer.result.get("covered", ())),
                verdict=(first, second),
                explore=explore,
                events=events,
                looks=looks,
                drawn=group_pictures(pictures),
                undrawn=common_reason(pictures),
                failed_drawn=[one for one in pictures if one.kind == "failed" and one.source],
                data=Markup(within_script(data)),  # noqa: S704 - nothing in it ends the element
                scripts=[
                    Markup(text)  # noqa: S704 - our own files
                    for text in (*SCRIPTS, *(COMPARISON_SCRIPTS[-1:] if side_by_side and side_by_side.data else ()))
                ],
                compared_with=compared,
                compared=side_by_side,
                policy=POLICY,
                pages=pages,
                first_shown=FIRST_SHOWN,
                by_day=spans_days(explore),
                stays=describe_stays(answer.plan.settings, answer.result),
                result_sha256=canonical_sha256(answer.result),
                run=run,
                unread=describe_unread(answer.run["balance"]),
                undated=database.records(_UNDATED),
                unusable=database.records("SELECT cause, images FROM unusable"),
                unexamined=database.records("SELECT reason, images, first_key, words FROM unexamined"),
                causes=CAUSES,
                released=any(stay.is_released for stay in answer.plan.settings.deployments),
                series_files=sorted(
                    name for name in answer.files if name.startswith("counts-") and not name.endswith(SPREADSHEET)
                ),
                beside=sorted(answer.files),
                spreadsheets=sorted(name for name in answer.files if name.endswith(SPREADSHEET)),
                asides=describe_asides(answer.result),
                evidence=answer.evidence,
                estimated=_estimated(answer),
                troubles=troubles,
                more_troubles=tell_more(
                    answer.evidence.findings if answer.evidence else None, answer.result["dataset"]
                ),
                pictured=list(pictured(troubles)),
                repeats=tell_repeats(answer.result, answer.evidence.findings if answer.evidence else None),
            )
        )
        path = to / "report.html"
        path.write_text(html, encoding="utf-8")
        return Written((path,))


def _estimated(answer: Answer) -> dict[str, ToldTaxon]:
    """Take the corrected numbers, in the order of the species above them."""
    if answer.evidence is None or answer.evidence.estimates is None:
        return {}
    told = tell_taxa(answer.evidence.estimates)
    species = [one["taxon"] for one in answer.result["species"] if one["taxon"] in told]
    return {taxon: told[taxon] for taxon in dict.fromkeys([*species, *told])}


def _first_told(explore: Mapping[str, Any]) -> dict[str, str | None]:
    """Say from which local date on days and months are told; None where all are."""
    zone, since = ZoneInfo(explore["zone"]), explore["left_out"]["since"]
    return {f"since_{width}": since[width] and local_text(since[width], zone)[:10] for width in ("day", "month")}


def compare_text(compared: Compared | None, pictures: Sequence[Picture]) -> ComparisonText | None:
    """Write a comparison as a section, which names neither run; None where there is none."""
    if compared is None or compared.found is None:
        return None
    found = replace(compared.found, differed=compared.found.differed[: len(pictures)])
    return with_pictures(ComparisonText(found), pictures)


def shown_of_run(run: Mapping[str, Any]) -> dict[str, Any]:
    """Take what the report tells of a run beside its result: what is to be warned of, nothing of its time, name or share.

    Runs with the same of it and with the same result have the same report.
    """
    balance = run["balance"]
    judged = ("reused", "processed", "failed")
    fates = {
        "examined": sum(balance[fate] for fate in judged),
        **{fate: balance[fate] for fate in FATES if fate not in judged},
    }
    return {
        "listed": balance["listed"],
        "fates": fates,
        "silent": run["silent"],
        "odd": run["clock"]["odd"] if run["clock"] else [],
        "stopped_shards": run["stopped_shards"],
        "unreadable": run["unreadable"],
        "removed": run["removed_since_previous"] or 0,
    }


def describe_stays(dataset: Dataset, result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Join what each deployment gave with what the dataset file says of it; images outside all of them have their own line."""
    stays = {(stay.camera, stay.name): stay for stay in dataset.deployments}
    outside = {found["camera"] for found in result["deployments"] if found["deployment"] is None}
    return [
        {**found, **_said(stays.get((found["camera"], found["deployment"]))), "outside": found["camera"] in outside}
        for found in result["deployments"]
    ]


def _said(stay: Deployment | None) -> dict[str, str]:
    start, end = (moment and utc_text(in_utc(moment)) for moment in ((stay.start, stay.end) if stay else (None, None)))
    return {
        "start": start or "",
        "end": end or "",
        "capture_method": (stay and stay.capture_method) or "",
        "correction": stay.correction if stay else "",
    }


def describe_narrowing(plan: StoredPlan, result: Mapping[str, Any]) -> list[str]:
    """Say in words what the person who started the run made other than the dataset file has it."""
    params, scope = plan.params, plan.scope
    words = []
    if params.prefix:
        words.append(f"only images whose keys begin with {scope.prefix}")
    if params.limit is not None:
        words.append(f"only the first {params.limit} images of the listing")
    if scope.window_start:
        words.append(f"only images captured at {scope.window_start} or later")
    if scope.window_end:
        words.append(f"only images captured before {scope.window_end}")
    if params.conf is not None:
        words.append(f"detections from confidence {result['conf']} on, for every species")
    if params.model_version is not None:
        words.append(f"model version {params.model_version}")
    return words


REPORT = Report()
