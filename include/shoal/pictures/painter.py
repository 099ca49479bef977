"""The process that decodes and paints, and nothing else: `python -m shoal.pictures.painter MEMORY_BYTES SECONDS`.

It takes one message after another on standard input and answers each on standard output, until its input ends. It knows no
store and no secret, writes no file, and may be ended at any moment.
"""

import os
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shoal.contract.errors import one_line
from shoal.contract.frames import NoFrameError, read_frame, write_frame

GRACE_S = 10
"""Seconds beyond its own limit after which it ends by itself: whoever started it may be gone."""

MOST_BYTES = 1024**3


def main(memory_bytes: int, seconds: float) -> None:
    """Answer messages until there are no more."""
    # Both are kept: a library that prints must not print into the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        do = _load()
    except ImportError as err:
        _answer(answers, {"cannot": f"{err.name or err}"})
        return
    _bound(memory_bytes)
    _answer(answers, {"ready": True})
    while True:
        try:
            words, blobs = read_frame(sys.stdin.buffer.read, MOST_BYTES)
        except NoFrameError:
            return
        signal.alarm(int(seconds) + GRACE_S)
        try:
            answer, picture = do[words["do"]](words, blobs)
        except MemoryError:
            answer, picture = {"why": f"no room to decode or draw it in {memory_bytes // 1024**2} MiB"}, None
        except Exception as err:  # noqa: BLE001 - told as the reason of this one picture
            answer, picture = {"why": one_line(f"{type(err).__name__}: {err}", 200)}, None
        blobs = []
        signal.alarm(0)
        _answer(answers, answer, [] if picture is None else [picture])


def _load() -> dict[str, Any]:
    from shoal.pictures.answered import boxes_of, side_of  # noqa: PLC0415
    from shoal.pictures.paint import as_pixels, paint  # noqa: PLC0415 - a library that is missing is told in an answer
    from shoal.pictures.tiles import lay_out  # noqa: PLC0415

    def draw(words: Mapping[str, Any], blobs: Sequence[bytes]) -> tuple[dict[str, Any], bytes | None]:
        return paint(blobs[0], words)

    def answer(words: Mapping[str, Any], blobs: Sequence[bytes]) -> tuple[dict[str, Any], bytes | None]:
        told = words["answer"]
        boxes = [asdict(box) for box in boxes_of(told, words["names"])]
        return paint(blobs[0], {**words, "boxes": boxes, "crop": False, "long_side_px": side_of(told)})

    def decode(words: Mapping[str, Any], blobs: Sequence[bytes]) -> tuple[dict[str, Any], bytes | None]:
        return as_pixels(blobs[0], words)

    def sheet(words: Mapping[str, Any], blobs: Sequence[bytes]) -> tuple[dict[str, Any], bytes | None]:
        return {}, lay_out(blobs, words)

    return {"draw": draw, "answer": answer, "decode": decode, "sheet": sheet}


def _bound(memory_bytes: int) -> None:
    """Take no more memory than is left to one picture; write no file, leave no core."""
    with suppress(
        OSError, ValueError
    ):  # no Linux: what libraries have mapped by now is not told, nor is a limit kept there
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * os.sysconf("SC_PAGE_SIZE") + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _answer(answers: Any, words: Mapping[str, Any], blobs: Sequence[bytes] = ()) -> None:
    for piece in write_frame(words, blobs):
        answers.write(piece)
    answers.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
