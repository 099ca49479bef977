"""Scenes as the demo draws them, kept: one costs 45 ms of a processor, and a test run wants hundreds.

They are the same bytes each time (`tests/unit/embedded/test_scenes.py` draws its own).
"""

import pickle
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np

from cluster.cache import Kind, built, digest_of
from shoal.embedded.samples import scenes

SCENES = Kind("scenes", newest=2, in_use_s=2 * 3600)
DRAWN = "scenes.pickle"


def drawn(name: str, draw: Callable[[], Iterable[scenes.Scene]], *words: str) -> tuple[scenes.Scene, ...]:
    """Take scenes from the cache, or draw them.

    Args:
        name: What they are called in the cache.
        draw: Draws them.
        words: What they depend on beside the code that draws.
    """

    def make(folder: Path) -> None:
        (folder / DRAWN).write_bytes(pickle.dumps(tuple(draw())))

    kept = (built(SCENES, name, made_by(Path(__file__), words=words), make) / DRAWN).read_bytes()
    return tuple(pickle.loads(kept))  # noqa: S301 - what this wrote


def made_by(*code: Path, words: Iterable[str] = ()) -> str:
    """Identify what draws scenes, with other code and words that decide what is kept of them."""
    return digest_of([("", path) for path in (Path(scenes.__file__), *code)], cv2.__version__, np.__version__, *words)
