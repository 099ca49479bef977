"""Addresses of the page of what stands beside an answer; who may edit the DAG decides there what is a thing and what an animal.

That is the one form of Shoal's pages that stores anything: Airflow has none for it. What it stores is an object of its own, the
same as `python -m shoal repeats` writes, and nothing is ever replaced.
"""

import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from shoal.airflow.pages.answer_door import in_thread
from shoal.airflow.pages.evidence_page import evidence_page
from shoal.airflow.pages.evidence_view import EvidenceView, see_files
from shoal.airflow.pages.frame import to_run
from shoal.airflow.pages.looking import OpenRun, StillComingError, need_here, need_images, open_run
from shoal.airflow.pages.looking_routes import coming
from shoal.airflow.pages.rights import RunKey, Variant, may_edit, may_edit_dag, may_see_dag
from shoal.airflow.pages.try_page import need_own_page
from shoal.contract.errors import ConfigError, ShoalError, StoreError, shown
from shoal.evidence.repeats.decisions import Verdict, read_decisions, write_decision

router = APIRouter()

MOST_FORM_BYTES = 4096
MOST_NAME = 200


async def see_evidence(run: OpenRun) -> EvidenceView:
    """Read what stands beside a run's numbers, and what people have said by now.

    Raises:
        ShoalError: It cannot be read.
    """
    seen = await see_files(run.place, run.summary, run.dag_id)
    results, layout = run.place.results, run.place.layout
    return seen.with_decisions(await in_thread(lambda: read_decisions(results, layout), "What people decided"))


@router.get("/evidence/{dag_id}/{variant}/{run_key}", dependencies=may_see_dag)
async def evidence(
    dag_id: str, variant: Variant, run_key: RunKey, request: Request, edits: Annotated[bool, Depends(may_edit)]
) -> Response:
    """Show corrected numbers, troubles of cameras and things that stand."""
    return await _show(await open_run(dag_id, variant, run_key), request, edits=edits)


@router.post("/evidence/{dag_id}/{variant}/{run_key}", dependencies=may_edit_dag)
async def decide(dag_id: str, variant: Variant, run_key: RunKey, request: Request, user: GetUserDep) -> Response:
    """Store what a person says of a thing."""
    run = await open_run(dag_id, variant, run_key)
    try:
        need_own_page(request)
        thing_id, verdict = await _read_form(request)
        seen = await see_evidence(run)
        thing = next((one for one in seen.things if one.id == thing_id), None)
        if thing is None:
            raise ConfigError(f"This answer has no thing {shown(thing_id, 40)} - choose one of this page")
        decision = thing.decide(
            verdict,
            seen.decisions,
            by=user.get_name()[:MOST_NAME],
            at=datetime.now(UTC).replace(microsecond=0),
            run_key=run.run_key,
        )
        await in_thread(
            lambda: write_decision(run.place.results, run.place.layout, decision),
            "What you decided, it may not be stored:",
        )
    except ShoalError as err:
        status = HTTPStatus.BAD_GATEWAY if isinstance(err, StoreError) else HTTPStatus.BAD_REQUEST
        return await _show(run, request, edits=True, problem=str(err), status=status)
    return RedirectResponse(f"{to_run('evidence', dag_id, variant, run_key)}#thing-{thing.id}", 303)


async def _show(
    run: OpenRun, request: Request, *, edits: bool, problem: str = "", status: HTTPStatus = HTTPStatus.OK
) -> Response:
    need_images(run)
    seen = await see_evidence(run)
    if seen.has_pictures:
        try:
            await need_here(run)  # or each picture would say that it is on its way
        except StillComingError:
            if request.method == "GET":
                return coming(run, request)
    return evidence_page(run, seen, edits=edits, problem=problem, status=status)


async def _read_form(request: Request) -> tuple[str, Verdict]:
    """Read what was sent.

    Raises:
        ConfigError: It is none of this page's forms.
    """
    length = request.headers.get("content-length", "")
    if not re.fullmatch(r"\d{1,6}", length) or int(length) > MOST_FORM_BYTES:
        raise ConfigError("This is no decision of this page - send it by the buttons here")
    async with request.form(max_files=1, max_fields=8) as form:
        thing, verdict = form.get("thing"), form.get("verdict")
    if not isinstance(thing, str) or not isinstance(verdict, str) or verdict not in set(Verdict):
        raise ConfigError("Nobody says what it is - press one of the buttons: no animal, or an animal")
    return thing, Verdict(verdict)
