"""What the tests of a module begin with, played once and copied for each: a run costs seconds of a processor, a copy a tenth of one."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pipeline import Pipeline, few_of, make_pipeline
from shoal.embedded.processes.rclone import embedded_store
from shoal.embedded.samples.scenes import Scene
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import open_stores

T = TypeVar("T")


@dataclass(frozen=True)
class Played(Generic[T]):
    """A dataset whose store has ended.

    Attributes:
        data: The store's folder.
        dataset: Its settings.
        told: What the play returned.
    """

    data: Path
    dataset: Dataset
    told: T

    @contextmanager
    def copy(self, folder: Path) -> Iterator[Pipeline]:
        """Serve a copy of it, for one test to change as it likes."""
        data = folder / "played"
        shutil.copytree(self.data, data)
        with embedded_store(data, folder / "played.log") as access:
            yield Pipeline(self.dataset, open_stores(self.dataset, lambda _: access))


def play_once(folder: Path, models: Mapping[str, bytes], play: Callable[[Pipeline], T], **settings: Any) -> Played[T]:
    """Play what a module's tests have in common, in a store of its own.

    Args:
        folder: A new one.
        models: Versions of the dataset's model.
        play: Puts images and runs them; what it returns must outlive the store.
        settings: Of the dataset file.
    """
    data = folder / "data"
    data.mkdir()
    with embedded_store(data, folder / "store.log") as access:
        pipeline = make_pipeline(access, dict(models), folder, **settings)
        told = play(pipeline)
    return Played(data, pipeline.dataset, told)


def play_few(
    folder: Path, models: Mapping[str, bytes], scenes: Iterable[Scene], play: Callable[[Pipeline], T]
) -> Played[T]:
    """Play what a module's tests have in common over twelve images."""

    def put_and_play(pipeline: Pipeline) -> T:
        pipeline.put_scenes(few_of(scenes))
        return play(pipeline)

    return play_once(folder, models, put_and_play)
