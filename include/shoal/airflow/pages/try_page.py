"""The page on which a person shows one picture to the model of a run; nothing of it is stored."""

import re
import threading
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from airflow.sdk import conf
from fastapi import Request
from fastapi.responses import HTMLResponse

from shoal.airflow.pages.frame import OWN_POLICY, POLICY, Crumb, crumbs, page, to_dataset, to_run
from shoal.airflow.pages.run_place import Place
from shoal.contract.errors import ConfigError, NoAnswerError, shown
from shoal.contract.units import size_text
from shoal.models.one_picture import MOST_PIXELS, Asked, AskedModel, fetched_model, look_at_picture
from shoal.models.versions import VERSION, WantedModel
from shoal.pictures.answered import boxes_of
from shoal.pictures.colours import colours_of
from shoal.pictures.draw import draw
from shoal.pictures.drawing import Box, Drawing, PictureLimits
from shoal.pictures.one_photo import OnePhoto
from shoal.results.plan_parts import StoredModel
from shoal.results.stored_plan import StoredPlan

MOST_BYTES = 32 * 1024**2
"""Bytes of a picture."""

_FORM_BYTES = 64 * 1024
"""What a form has besides."""

SIDE_PX = 1280
"""Longer side of the picture that is shown."""

MOST_TOLD = 300
"""Boxes in the table, those with the highest scores."""

HEADERS_OF_PICTURE = {POLICY: OWN_POLICY.replace("img-src 'self'", "img-src 'self' data:")}
"""The picture is in the page: it lies nowhere else. It was decoded and written anew in a process of its own."""

_ONE = threading.Lock()
"""One picture at a time: the API server has other things to do."""

MOST_MODELS = 3
_MODELS = threading.BoundedSemaphore(MOST_MODELS)
"""Models that are on this disk for a picture, or on their way to it: a slow store holds up who waits for it, and no others."""

TURN_S = 10.0
"""So long a picture whose model has come waits for its turn."""


class TooManyError(NoAnswerError):
    """Somebody else's picture is looked at."""


@dataclass(frozen=True)
class Uploaded:
    """What was sent.

    Attributes:
        name: What its owner calls it.
        data: Its bytes.
        conf: Lowest score that is shown, as it was typed.
    """

    name: str
    data: bytes
    conf: str


@dataclass(frozen=True)
class Looked:
    """What the model saw.

    Attributes:
        name: Of the picture.
        size: Of the picture, px.
        boxes: Name, score and edges in words, the surest one first.
        picture: It with its boxes, to stand in a page; None where none could be drawn, and `why` says it.
        why: Likewise.
    """

    name: str
    size: str
    boxes: tuple[tuple[str, str, str, str], ...]
    picture: str | None
    why: str


def need_own_page(request: Request) -> None:
    """Check that a form was sent from a page of this Airflow.

    Raises:
        ConfigError: It came from elsewhere, or nobody says from where.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "")
    ours = {request.headers.get("host", ""), urlsplit(conf.get("api", "base_url", fallback="")).netloc} - {""}
    if site == "same-origin" or (site is None and urlsplit(origin).netloc in ours):
        return
    raise ConfigError("This form was not sent from a page of this Airflow - open the page here, and send it from there")


async def read_upload(request: Request) -> Uploaded:
    """Read what was sent, if it is not too large.

    Raises:
        ConfigError: It is, or there is no picture in it.
    """
    length = request.headers.get("content-length", "")
    if not re.fullmatch(r"\d{1,12}", length):
        raise ConfigError("Nobody says how large the picture is - send it by the form of this page")
    if int(length) > MOST_BYTES + _FORM_BYTES:
        raise ConfigError(
            f"The picture has {size_text(int(length))}, and {size_text(MOST_BYTES)} are the most - take a smaller one"
        )
    async with request.form(max_files=1, max_fields=8) as form:
        picture, typed = form.get("picture"), form.get("conf")
        data = b"" if picture is None or isinstance(picture, str) else await picture.read()
        name = "" if picture is None or isinstance(picture, str) else picture.filename or ""
    if not data:
        raise ConfigError("No picture was chosen - choose one, or drop it on the field")
    return Uploaded(name, data, typed if isinstance(typed, str) else "")


def look(place: Place, plan: StoredPlan, sent: Uploaded) -> Looked:
    """Show a picture to a run's model.

    Raises:
        TooManyError: Somebody else's is looked at.
        ConfigError: The picture or the model cannot be used.
        ShoalError: It takes too long, or the store does not answer.
    """
    asked = _asked(place, plan, _read_conf(sent.conf))
    if _ONE.locked():
        raise TooManyError(_BUSY)
    if not _MODELS.acquire(blocking=False):
        raise TooManyError(f"Models are fetched for {MOST_MODELS} other pictures already - try again in a while")
    try:
        with fetched_model(place.stores.models, asked) as folder:
            if not _ONE.acquire(timeout=TURN_S):
                raise TooManyError(_BUSY)
            try:
                found = look_at_picture(folder, asked, sent.data)
                return _looked(sent, found, plan.names, asked.pixel_limit)
            finally:
                _ONE.release()
    finally:
        _MODELS.release()


_BUSY = "Somebody else's picture is looked at, one at a time - try again in a few seconds"


def try_page(
    dag_id: str,
    plan: StoredPlan,
    others: Sequence[tuple[str, str]],
    *,
    looked: Looked | None = None,
    typed_conf: str = "",
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    """Fill in the page.

    Args:
        dag_id: The DAG under which it is shown.
        plan: The run whose model looks.
        others: Variant and run of other models of the dataset.
        looked: What it saw; None where nothing was sent.
        typed_conf: As it was typed.
        problem: Why it saw nothing; empty where nothing is wrong.
        status: Of the answer.
    """
    dataset, variant = plan.dataset, plan.variant.directory
    made = page(
        "try.html",
        f"Try {plan.model}",
        crumbs(
            Crumb(dataset, to_dataset(dataset)),
            Crumb(f"run {plan.run_key}", to_run("run", dag_id, variant, plan.run_key)),
            Crumb("try"),
        ),
        status,
        here=to_run("try", dag_id, variant, plan.run_key),
        model=str(plan.model),
        then=plan.then and str(plan.then.model),
        tile=plan.settings.model.tile,
        others=[(name, to_run("try", dag_id, name, run_key)) for name, run_key in others if name != variant],
        looked=looked,
        conf=typed_conf or f"{plan.settings.conf:g}",
        problem=problem,
        most=size_text(MOST_BYTES),
    )
    if looked is not None and looked.picture:
        made.headers[POLICY] = HEADERS_OF_PICTURE[POLICY]
    return made


def _asked(place: Place, plan: StoredPlan, least: float) -> Asked:
    dataset, settings = place.dataset, plan.settings
    if dataset is None:
        raise ConfigError(f"Dataset {plan.dataset} has no file any more: nobody says where its models are")
    if settings.worker.service is not None or not plan.model.key:
        raise ConfigError(
            f"Model {plan.model} is a service of the dataset file: it starts beside a worker and nowhere else, so it is not "
            "tried here - python -m shoal_worker predict --service … shows it a picture"
        )
    first = _asked_model(WantedModel.first(dataset, plan.model.version), plan.model)
    then = None if plan.then is None else _asked_model(WantedModel.then(dataset), plan.then.model)
    return Asked(first, then, plan.inference_json, least, min(MOST_PIXELS, settings.model.pixel_limit))


def _asked_model(named: WantedModel | None, used: StoredModel) -> AskedModel:
    """Find a run's model; no plan decides what this server asks a store for: its names must be those of the file."""
    if named is None or used.name != named.name or not re.fullmatch(VERSION, used.version):
        raise ConfigError(
            f"The run used model {shown(str(used), 100)}, and the dataset file names {named.name if named else 'none'} "
            f"{'' if named else 'for its boxes '}now - choose a newer run"
        )
    return AskedModel(named, used.version, used.sha256)


def _read_conf(text: str) -> float:
    found = float(text) if re.fullmatch(r"[0-9]?\.?[0-9]{1,6}", text.strip()) else -1.0
    if not 0.01 <= found <= 1:
        raise ConfigError(f"conf {shown(text, 30)!r} is no score - write a number from 0.01 to 1")
    return found


def _looked(sent: Uploaded, found: Mapping[str, Any], names: Sequence[str], pixel_limit: int) -> Looked:
    boxes = _boxes(found, names)
    limits = PictureLimits(pixel_limit=pixel_limit, memory_bytes=1024**3, seconds=20.0)
    drawing = Drawing("picture", "", len(sent.data), tuple(boxes), long_side_px=SIDE_PX, quality=85)
    (drawn,) = draw(OnePhoto(sent.data), [drawing], limits)
    rows = tuple(
        (
            box.label,
            f"{box.conf:.3f}",
            box.colour,
            "" if box.whole else f"{box.x1:.0f}, {box.y1:.0f} to {box.x2:.0f}, {box.y2:.0f}",
        )
        for box in boxes[:MOST_TOLD]
    )
    inside = None if drawn.jpeg is None else f"data:image/jpeg;base64,{b64encode(drawn.jpeg).decode()}"
    return Looked(shown(sent.name, 120), f"{found['width']} x {found['height']} px", rows, inside, drawn.why or "")


def _boxes(found: Mapping[str, Any], names: Sequence[str]) -> list[Box]:
    """Read what the worker says; of a classifier the five best, said of the picture as a whole."""
    if scores := found.get("class_scores"):
        best = sorted(((score, number) for number, score in enumerate(scores) if score is not None), reverse=True)[:5]
        colours = colours_of(names[number] for _, number in best)
        return [
            Box.of([None] * 4, label=names[number], class_id=number, conf=score, colour=colours[names[number]])
            for score, number in best
        ]
    told = sorted(boxes_of(found, names), key=lambda box: -box.conf)
    colours = colours_of(box.label for box in told)
    return [replace(box, colour=colours[box.label]) for box in told]
