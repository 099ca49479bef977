"""What becomes of an image on its way through the pipeline, and what else comes out of it: each is one of these."""

import threading
from dataclasses import dataclass

from shoal.contract.errors import StoreError
from shoal.stores.images import ImageDenied
from shoal_worker.rows.parts import ListedImage, Row


@dataclass(frozen=True)
class Unreached:
    """An image without a row, because the infrastructure failed."""

    image: ListedImage
    error: StoreError | MemoryError


@dataclass(frozen=True)
class Refused:
    """An image that the store refused to give: its own trouble or that of the login, which another read will tell."""

    image: ListedImage
    error: ImageDenied


@dataclass(frozen=True)
class Fatal:
    """No further image can succeed: a wrong configuration, or an error of our own."""

    error: Exception


@dataclass(frozen=True)
class BrokeOff:
    """A service ended, or fell silent, while it looked at an image; nothing more is tried."""

    image: ListedImage
    how: str


class Finished:
    """Nothing more will come."""


class Wake:
    """Put in from outside, so that the reader looks up."""


class Checkpoint:
    """What came out so far belongs into a part now; who put it in waits until that is done."""

    def __init__(self) -> None:
        self.done = threading.Event()


Outcome = Row | Unreached | Refused | Fatal | BrokeOff | Finished | Wake | Checkpoint
