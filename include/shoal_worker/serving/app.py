"""The requests: what each is answered with, and who has to come back later."""

import asyncio
import math
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from shoal.contract.errors import one_line
from shoal.contract.rows import Reason, Status
from shoal_worker.answered import answer_line
from shoal_worker.serving.apart import Apart, Wanted
from shoal_worker.serving.body import (
    FORM,
    GoneError,
    NoImageError,
    TooLargeError,
    TooSlowError,
    await_end,
    open_form,
    read_body,
)
from shoal_worker.serving.settings import Limits
from shoal_worker.serving.told import JPEG, JSON, Told, as_json, error, found

SLACK_S = 2.0
"""After its deadline, for whoever looks at an image to give it up."""

LONGEST_RETRY_S = 60

HOPELESS = 3
"""After so many starts in vain the server says that it is not alive: whoever started it starts it again."""

WAYS = "POST /v1/predict with an image as the body, GET /v1/model, /health/live, /health/ready"
GONE = 499
"""Nobody reads it."""


class Answering:
    """Answers requests; one image after another goes to the model.

    Args:
        apart: Looks at images.
        looks: The one thread that does.
        limits: What clients may cost.
        pixel_limit: Most pixels of an image.
        draws: Whether pictures are drawn here.
    """

    def __init__(
        self, apart: Apart, looks: ThreadPoolExecutor, limits: Limits, pixel_limit: int, *, draws: bool
    ) -> None:
        self._apart = apart
        self._looks = looks
        self._limits = limits
        self._pixel_limit = pixel_limit
        self._draws = draws
        self._places = limits.waiting + 1
        self._turn = asyncio.Lock()
        self._reviving: Future[None] | None = None

    def app(self) -> FastAPI:
        """Make what uvicorn serves."""
        app = FastAPI(
            title="Shoal", version="1", description="What a model sees in one image.", docs_url=None, redoc_url=None
        )
        app.post("/v1/predict", openapi_extra=_PREDICT, response_class=Response)(self.predict)
        app.get("/v1/model", response_class=Response)(self.model)
        app.get("/health/live", response_class=Response)(self.live)
        app.get("/health/ready", response_class=Response)(self.ready)
        app.exception_handler(HTTPException)(_no_such)
        app.exception_handler(Exception)(_failed)
        return app

    async def predict(self, request: Request) -> Response:
        """Look at one image, sent as the body or as the one file of a form.

        The answer is what `predict` prints of it. With `?draw=1`, or where `image/jpeg` alone is accepted, it is the picture.
        """
        return _response(await self._predict(request))

    async def model(self) -> Response:
        """Say which model looks at images, and how."""
        limits = {
            "size_bytes": self._limits.size_bytes,
            "waiting": self._limits.waiting,
            "deadline_s": self._limits.deadline_s,
        }
        return _response(as_json({**self._apart.looker.told, "limits": limits}))

    async def live(self) -> Response:
        """Say whether it is of use to wait."""
        if self._apart.trouble >= HOPELESS:
            return _response(error(503, f"The model was not opened again {self._apart.trouble} times - see the log"))
        return _response(as_json({"live": True}))

    async def ready(self) -> Response:
        """Say whether an image can be looked at now."""
        if self._apart.looker.ready:
            return _response(as_json({"ready": True}))
        self._revive()
        return _response(error(503, "The model is being opened again", Retry_After="5"))

    async def _predict(self, request: Request) -> Told:
        image, draw = request.query_params.get("image", ""), _wants_picture(request)
        if draw and not self._draws:
            return error(406, "Pictures are not drawn here: shoal.pictures is not installed - ask for application/json")
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and (why := self._limits.why_too_large(int(declared), self._pixel_limit)):
            return self._too_large(image, why)
        if not self._places:
            return self._full()
        self._places -= 1
        try:
            return await self._answer(request, image, draw=draw)
        except GoneError:
            return Told(GONE, b"")
        finally:
            self._places += 1

    async def _answer(self, request: Request, image: str, *, draw: bool) -> Told:
        most = self._limits.most_bytes(self._pixel_limit)
        try:
            data = await read_body(request.receive, most, self._limits.read_s)
        except TooLargeError as err:
            return self._too_large(image, f"at least {self._limits.why_too_large(err.size_bytes, self._pixel_limit)}")
        except TooSlowError:
            return error(
                408,
                f"The image did not come within {self._limits.read_s:g} s - send it faster, or a smaller one",
                Connection="close",
            )
        content_type = request.headers.get("content-type", "")
        if content_type.lower().startswith(FORM):
            try:
                name, data = open_form(content_type, data)
            except NoImageError as err:
                return error(400, f"{err} - send it as curl -F image=@photo.jpg does, or as the body")
            image = image or name
        return await self._looked_at(request, Wanted(image, data, draw, time.monotonic() + self._limits.deadline_s))

    async def _looked_at(self, request: Request, wanted: Wanted) -> Told:
        """Wait for an image's turn and its answer; not for a client that has hung up."""
        answered = asyncio.ensure_future(self._in_turn(wanted))
        gone = asyncio.ensure_future(await_end(request.receive))
        either: set[asyncio.Future[Any]] = {answered, gone}
        done, _ = await asyncio.wait(either, timeout=wanted.left_s + SLACK_S, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if answered in done:
            if not self._apart.looker.ready:
                self._revive()
            return answered.result()
        if not wanted.begun:
            answered.cancel()
        if gone in done:
            raise GoneError
        return self._apart.late(wanted)

    async def _in_turn(self, wanted: Wanted) -> Told:
        """Give the thread an image once it is free: one that is given up before is in no queue, which would hold its bytes."""
        async with self._turn:
            wanted.begun = True
            return await asyncio.wrap_future(self._looks.submit(self._apart.answer, wanted))

    def _revive(self) -> None:
        if self._reviving is None or self._reviving.done():
            self._reviving = self._looks.submit(self._apart.revive)

    def _too_large(self, image: str, why: str) -> Told:
        line = answer_line(image, self._apart.looker.column, Status.FAILED, reason=Reason.TOO_LARGE, detail=why)
        return found(line.encode("utf-8", "surrogatepass"))

    def _full(self) -> Told:
        seconds = min(LONGEST_RETRY_S, max(1, math.ceil(self._apart.seconds * (self._limits.waiting + 1))))
        return error(
            429,
            f"{self._limits.waiting + 1} images are being sent or wait - send it again in {seconds} s",
            Retry_After=str(seconds),
        )


def _wants_picture(request: Request) -> bool:
    if (asked := request.query_params.get("draw")) is not None:
        return asked not in {"", "0", "false"}
    accepted = {part.partition(";")[0].strip() for part in request.headers.get("accept", "").split(",")}
    return JPEG in accepted and JSON not in accepted


def _response(told: Told) -> Response:
    return Response(told.body, told.code, told.headers, told.media_type)


async def _no_such(request: Request, err: Any) -> Response:
    return _response(error(err.status_code, f"No {request.method} {request.url.path} here - there are {WAYS}"))


async def _failed(_request: Request, err: Exception) -> Response:
    return _response(error(500, one_line(f"{type(err).__name__}: {err}", 200)))


_PREDICT: dict[str, Any] = {
    "parameters": [
        {"name": "image", "in": "query", "schema": {"type": "string"}, "description": "What the image is called."},
        {
            "name": "draw",
            "in": "query",
            "schema": {"type": "boolean"},
            "description": "Whether the answer is a picture.",
        },
    ],
    "requestBody": {
        "required": True,
        "content": {
            "image/*": {"schema": {"type": "string", "format": "binary"}},
            FORM: {"schema": {"type": "object", "properties": {"image": {"type": "string", "format": "binary"}}}},
        },
    },
    "responses": {
        "200": {"description": "What was found", "content": {JSON: {}, JPEG: {}}},
        "408": {"description": "The image did not come in time"},
        "413": {"description": "The image has too many bytes or pixels"},
        "422": {"description": "The image cannot be looked at; the answer says why"},
        "429": {"description": "Too many images wait; Retry-After says when to come back"},
        "503": {"description": "Nothing looks at images now, or its turn did not come"},
        "504": {"description": "It was not looked at in time"},
    },
}
