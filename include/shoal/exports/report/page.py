"""report.html: the summary for people, one self-contained file."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from shoal.answers.where import Where
from shoal.contract.tasks.classify import CLASSIFY
from shoal.evidence.estimates.told import ToldTaxon, tell_taxa
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
from shoal.exports.report.told import told_of_plan, told_of_result, told_of_run
from shoal.exports.report.troubles import ask_troubles, pictured, tell_more, tell_none, tell_repeats, tell_troubles
from shoal.exports.table_file import SPREADSHEET
from shoal.settings.dataset import Dataset
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
        html = (
            environment()
            .get_template("report.html.j2")
            .render(
                **told_of_plan(answer.plan, answer.result),
                **told_of_result(answer.result),
                **told_of_run(answer.run, answer.result),
                **_charted(answer, explore),
                **_pictured(database, answer, explore),
                **_left_out(database),
                **_beside(answer),
            )
        )
        path = to / "report.html"
        path.write_text(html, encoding="utf-8")
        return Written((path,))


def _charted(answer: Answer, explore: Mapping[str, Any]) -> dict[str, Any]:
    """Gather what charts and tables are drawn of."""
    whole_images = answer.plan.task == CLASSIFY.name
    # Of a classifier MaxN tells nothing.
    events = event_data({"series": []} if whole_images else answer.result, explore)
    data = {**script_data(explore, whole_images=whole_images), "events": events}
    return {
        "explore": explore,
        "whole_images": whole_images,
        "events": events,
        "data": Markup(within_script(data)),  # noqa: S704 - nothing in it ends the element
        "looks": _looks(explore),
        "causes": CAUSES,
        "first_shown": FIRST_SHOWN,
        "by_day": spans_days(explore),
        "pages": Pages.of(answer.plan),
        "policy": POLICY,
        **_first_told(explore),
    }


def _pictured(database: Database, answer: Answer, explore: Mapping[str, Any]) -> dict[str, Any]:
    """Draw all pictures at once, and gather what they stand beside."""
    compared, evidence = answer.compared, answer.evidence
    differed = ask_pictures(compared.found.differed[:MOST_DIFFERING]) if compared and compared.found else []
    asked = choose_pictures(explore, {name: look["colour"] for name, look in _looks(explore).items()})
    drawn = draw_pictures([*differed, *asked, *ask_troubles(database, evidence)], answer.draw)
    to_asked, to_troubles = len(differed), len(differed) + len(asked)
    pictures = drawn[to_asked:to_troubles]
    troubles = tell_troubles(evidence, drawn[to_troubles:])
    side_by_side = compare_text(compared, drawn[:to_asked])
    scripts = (*SCRIPTS, *(COMPARISON_SCRIPTS[-1:] if side_by_side and side_by_side.data else ()))
    findings = evidence.findings if evidence else None
    return {
        "drawn": group_pictures(pictures),
        "undrawn": common_reason(pictures),
        "failed_drawn": [one for one in pictures if one.kind == "failed" and one.source],
        "compared_with": compared,
        "compared": side_by_side,
        "scripts": [Markup(text) for text in scripts],  # noqa: S704 - our own files
        "evidence": evidence,
        "estimated": _estimated(answer),
        "troubles": troubles,
        "why_no_troubles": tell_none(answer.result),
        "more_troubles": tell_more(findings, answer.result["dataset"]),
        "pictured": list(pictured(troubles)),
        "repeats": tell_repeats(answer.result, findings),
    }


def _left_out(database: Database) -> dict[str, Any]:
    """Read what is in no number, and why."""
    return {
        "undated": database.records(_UNDATED),
        "unusable": database.records("SELECT cause, images FROM unusable"),
        "unexamined": database.records("SELECT reason, images, first_key, words FROM unexamined"),
    }


def _beside(answer: Answer) -> dict[str, list[str]]:
    """Name the files that the report links to."""
    spreadsheets = sorted(name for name in answer.files if name.endswith(SPREADSHEET))
    return {
        "beside": sorted(answer.files),
        "spreadsheets": spreadsheets,
        "series_files": sorted(
            name for name in answer.files if name.startswith("counts-") and name not in spreadsheets
        ),
    }


def _looks(explore: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return looks_of([taxon["taxon"] for taxon in explore["taxa"]])


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


REPORT = Report()
