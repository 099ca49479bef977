"""The routes of images: grid, single image, failures, and the pictures and originals that these pages ask for."""

import asyncio
from collections.abc import Awaitable, Coroutine
from html import escape
from textwrap import wrap
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response

from shoal.airflow.pages.asked_images import conf_of, page_of, read_asked
from shoal.airflow.pages.failures_page import failures_page
from shoal.airflow.pages.frame import Crumb, attached, page
from shoal.airflow.pages.image_page import image_page
from shoal.airflow.pages.images_page import FIELDS, images_page, way_to
from shoal.airflow.pages.looking import (
    OpenRun,
    StillComingError,
    look,
    need_images,
    open_run,
    shapes_of,
)
from shoal.airflow.pages.pictures import ToShow, make_picture, original_of, picture_asked, picture_of
from shoal.airflow.pages.rights import RunKey, Variant, may_see_dag
from shoal.airflow.pages.sending import Sending
from shoal.airflow.pages.shots import GRID_PX, PHOTO_PX, SIDES
from shoal.airflow.pages.versions import seen_by_others
from shoal.contract.errors import ShoalError, one_line, shown

T = TypeVar("T")

LOOKED_S = 0.8
"""So long the page of an image waits to be told that there is no picture, and what other versions saw: a picture that takes
longer is asked for by the page, and says in its place why there is none."""

ASKED_AGAIN = "private, no-cache"
"""Of a picture: a browser keeps it, and asks each time whether it may still be shown."""

MOST_SENT = 4
"""Originals that are read and sent at a time: each is held until it has been sent, and whoever fetches it may be slow."""

Key = Annotated[str, Query(max_length=1024)]

router = APIRouter()
_ORIGINALS = Sending(MOST_SENT)


@router.get("/images/{dag_id}/{variant}/{run_key}", dependencies=may_see_dag)
async def images(dag_id: str, variant: Variant, run_key: RunKey, request: Request) -> Response:
    """Show images of a run."""
    run = await open_run(dag_id, variant, run_key)
    need_images(run)
    said = {name: request.query_params.get(name, "") for name in FIELDS}
    asked = read_asked(said, run.zone, run.plan.least_score)
    try:
        found, taxa, cameras = await look(
            run, ("images", asked), lambda answer: (answer.images(asked), answer.taxa, answer.cameras)
        )
    except StillComingError:
        return coming(run, request)
    return images_page(run, asked, said, found, taxa, cameras)


@router.get("/image/{dag_id}/{variant}/{run_key}", dependencies=may_see_dag)
async def image(  # noqa: PLR0917 - FastAPI's signature
    dag_id: str, variant: Variant, run_key: RunKey, request: Request, key: Key, version: Key = ""
) -> Response:
    """Show one image of a run."""
    run = await open_run(dag_id, variant, run_key)
    need_images(run)
    said = {"conf": request.query_params.get("conf", "")}
    conf = conf_of(said["conf"], run.plan.least_score)
    try:
        found, around, counted = await look(
            run,
            ("image", key, version, conf),
            lambda answer: (one := answer.image(key, version, conf), answer.neighbours(one), answer.counted_in(one)),
        )
    except StillComingError:
        return coming(run, request)
    picture, others, found = await asyncio.gather(
        _in_time(picture_of(run, found.key, found.object_version, PHOTO_PX)),
        _in_time(seen_by_others(run, found)),
        shapes_of(run, found),
    )
    why = picture if isinstance(picture, str) else picture.why if picture else ""
    versions, trouble = (
        (others, "") if isinstance(others, tuple) else ((), others or "not in time - load the page again")
    )
    return image_page(run, found, around, counted, said, why, versions, trouble)


@router.get("/failures/{dag_id}/{variant}/{run_key}", dependencies=may_see_dag)
async def failures(dag_id: str, variant: Variant, run_key: RunKey, request: Request) -> Response:
    """Show what failed in a run."""
    run = await open_run(dag_id, variant, run_key)
    said = {name: request.query_params.get(name, "") for name in ("fate", "reason", "page")}
    number = page_of(said["page"])
    what = ("failures", said["fate"], said["reason"], number)
    try:
        found = await look(run, what, lambda answer: answer.failures(said["fate"], said["reason"], number))
    except StillComingError:
        return coming(run, request)
    return failures_page(run, said, found, number)


@router.get("/picture/{dag_id}/{variant}/{run_key}", dependencies=may_see_dag)
async def picture(  # noqa: PLR0917 - FastAPI's signature
    dag_id: str, variant: Variant, run_key: RunKey, request: Request, key: Key, version: Key, side: str = f"{GRID_PX}"
) -> Response:
    """Give a scaled picture of an image, as the run looked at it; in its place why there is none."""
    side_px = side_of(side)

    async def find() -> ToShow:
        return await picture_asked(await open_run(dag_id, variant, run_key), key, version, side_px)

    return await send_picture(find(), request)


def side_of(side: str) -> int:
    """Read how large a picture is to be.

    Raises:
        HTTPException: There are none of that size.
    """
    if side not in map(str, SIDES):
        raise HTTPException(404, f"There are pictures of {' or '.join(map(str, SIDES))} px")
    return int(side)


async def send_picture(find: Awaitable[ToShow], request: Request) -> Response:
    """Give a picture that a page asks for; in its place why there is none."""
    try:
        asked = await find
        kept = {"Cache-Control": ASKED_AGAIN, "ETag": asked.tag}
        if asked.tag in request.headers.get("If-None-Match", ""):  # it may be one of several, or weak by a proxy
            return Response(status_code=304, headers=kept)
        made = await make_picture(asked)
    except StillComingError:
        return _no_picture("the answer is being brought here", 503)
    except ShoalError as err:
        return _no_picture(one_line(err), 404)
    if made.jpeg is None:
        return _no_picture(made.why, 404)
    return Response(made.jpeg, media_type="image/jpeg", headers=kept)


@router.get("/original/{dag_id}/{variant}/{run_key}", dependencies=may_see_dag)
async def original(dag_id: str, variant: Variant, run_key: RunKey, key: Key, version: Key) -> Response:
    """Hand over an image's own bytes, as the run looked at them; a browser keeps them, and never shows them."""
    run = await open_run(dag_id, variant, run_key)

    async def read() -> bytes:
        try:
            data = await original_of(run, key, version)
        except StillComingError:
            raise HTTPException(503, "The answer is being brought to the web server - try again in a minute") from None
        if isinstance(data, str):
            raise HTTPException(404, f"No original: {data}")
        return data

    return await _ORIGINALS.send(read, {"Content-Disposition": attached(key.rpartition("/")[2] or "image")})


def coming(run: OpenRun, request: Request) -> HTMLResponse:
    """Say that an answer is on its way; the page asks again by itself."""
    again = f"?{request.url.query}" if request.url.query else "?"
    answer = page("coming.html", "One moment", way_to(run, Crumb("images")), images=run.summary.examined, again=again)
    answer.headers["Refresh"] = "3"
    return answer


async def _in_time(asked: Coroutine[Any, Any, T]) -> T | str | None:
    """Wait for something for seconds; an error is told, and None is what did not come."""
    try:
        return await asyncio.wait_for(asked, LOOKED_S)
    except (TimeoutError, StillComingError):  # it may have had to make room for another one meanwhile
        return None
    except ShoalError as err:
        return one_line(err)


def _no_picture(why: str, status: int) -> Response:
    """Write why there is no picture, as a picture: a page that asked for one shows it in its place."""
    lines = wrap(why, 36, max_lines=6, placeholder=" …") or ["no picture"]
    text = "".join(f'<tspan x="16" dy="24">{escape(shown(line))}</tspan>' for line in lines)
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="360" height="203" viewBox="0 0 360 203"><rect width="360" height="203" '
        f'fill="#e1e1e1"/><text x="16" y="24" font-family="sans-serif" font-size="18" fill="#141414">{text}</text></svg>'
    )
    return Response(svg, status, media_type="image/svg+xml")
