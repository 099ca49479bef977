"""The page of what stands beside an answer's numbers: corrected counts, troubles of cameras, and things that stand for days."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fastapi.responses import HTMLResponse

from shoal.airflow.pages.evidence_view import EvidenceView
from shoal.airflow.pages.frame import Crumb, page, to_image, to_images, to_run
from shoal.airflow.pages.images_page import place_of, way_to
from shoal.airflow.pages.looking import OpenRun
from shoal.airflow.pages.shots import GRID_PX, picture_address
from shoal.contract.errors import shown
from shoal.contract.run_names import dataset_of
from shoal.contract.tasks.classify import CLASSIFY
from shoal.contract.units import read_time, utc_text
from shoal.evidence.health.again import lasts
from shoal.evidence.repeats.decisions import Decision, Verdict
from shoal.evidence.repeats.things import Thing
from shoal.exports.report.troubles import first_pictured, in_order, name_of, tell_more, tell_none, tell_repeats

MOST_PICTURED = 12
"""Troubles with pictures, those that last and the latest ones first."""

MOST_UNFOLDED = 20
"""Troubles in the table; all further ones are folded below it, or nobody would come to the things on a phone."""

AROUND = timedelta(days=1)


@dataclass(frozen=True)
class Seen:
    """An image on the page: address of its picture and of its page, and the box in it, in hundredths of its sides."""

    picture: str
    href: str
    key: str
    box: tuple[float, float, float, float] | None = None


def evidence_page(run: OpenRun, seen: EvidenceView, *, edits: bool, problem: str, status: int) -> HTMLResponse:
    """Fill in the page.

    Args:
        run: The run.
        seen: What was read.
        edits: Whether who looks may edit the DAG.
        problem: Why what was sent is not stored; empty where nothing was.
        status: Of the answer.
    """
    findings, dataset = seen.findings, dataset_of(run.dag_id) or run.summary.dataset
    troubles = list(_troubles(run, findings)) if findings else []
    return page(
        "evidence.html",
        "Beside the numbers",
        way_to(run, Crumb("beside the numbers")),
        status,
        dataset=dataset,
        run=run,
        problem=problem,
        edits=edits,
        here=to_run("evidence", **place_of(run)),
        estimates=seen.estimates,
        taxa=seen.taxa,
        whole_images=run.plan.task == CLASSIFY.name,
        findings=findings,
        why_not=run.summary.run.get("why_not_beside", {}),
        unread=seen.unread,
        since=findings["since"] if findings else None,
        troubles=troubles,
        unfolded=troubles[:MOST_UNFOLDED],
        folded=troubles[MOST_UNFOLDED:],
        why_no_troubles=tell_none(run.summary.result),
        more_troubles=tell_more(findings, dataset),
        things=[_thing(run, one, seen.decisions) for one in seen.things],
        more_things=findings["repeats"]["clusters"] - len(seen.things) if findings else 0,
        repeats=tell_repeats(run.summary.result, findings),
        repeat=Verdict.REPEAT,
        animal=Verdict.ANIMAL,
    )


def _troubles(run: OpenRun, findings: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    versions = findings["versions"]
    pictured = first_pictured(findings["health"], MOST_PICTURED)
    for one in in_order(findings["health"]):
        start = read_time(one["from"])
        end = start + 3 * AROUND if one["to"] is None else read_time(one["to"])
        yield {
            **one,
            "what": name_of(one),
            "lasts": lasts(one),
            "size": f"{one['size']:.3g} {one['unit']}",
            "images": to_images(
                **place_of(run), camera=one["camera"], start=utc_text(start - AROUND), end=utc_text(end + AROUND)
            ),
            "pictures": [
                (words, _seen(run, key, versions[key]))
                for words, key in (("Before", one["before"]), ("Since then", one["after"]))
                if key in versions
            ]
            if one in pictured
            else [],
        }


def _thing(run: OpenRun, thing: Thing, decisions: Sequence[Decision]) -> dict[str, Any]:
    last = thing.last_word(decisions)
    return {
        "id": thing.id,
        "camera": shown(thing.place.camera, 80) or "(no name)",
        "deployment": shown(thing.place.deployment, 80),
        "taxon": thing.place.taxon,
        "from": thing.start,
        "to": thing.end,
        "boxes": thing.boxes,
        "images": thing.images,
        "why": thing.why,
        "last": last,
        "shots": [_seen(run, one.key, one.object_version, one.box) for one in thing.shots],
    }


def _seen(run: OpenRun, key: str, object_version: str, box: tuple[float, float, float, float] | None = None) -> Seen:
    place = place_of(run)
    edges = None if box is None else (box[0] * 100, box[1] * 100, (box[2] - box[0]) * 100, (box[3] - box[1]) * 100)
    return Seen(
        picture_address(place, key, object_version, GRID_PX),
        to_image(**place, key=key, object_version=object_version),
        key,
        edges,
    )
