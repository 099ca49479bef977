"""A person's own model and photos: checked before anything is started, and linked, never copied or written to."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shoal.contract.errors import ConfigError
from shoal.embedded.home import Home
from shoal.models.trial import judge_model
from shoal.settings.dataset import IMAGE_SUFFIXES

OWN = "own"


@dataclass(frozen=True)
class OwnModel:
    """An ONNX file, named by what it holds: two models are never one version."""

    path: Path

    @property
    def name(self) -> str:
        """The file's name, as a model's may be."""
        return re.sub(r"[^A-Za-z0-9._-]+", "-", self.path.stem).strip("._-")[:40] or "own-model"

    @property
    def version(self) -> str:
        """The first 8 digits of the file's sha256."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:8]


@dataclass(frozen=True)
class OwnFiles:
    """A person's own model and photos; None takes the demo's.

    Attributes:
        model: ONNX file.
        images: Folder of photos.
    """

    model: OwnModel | None
    images: Path | None

    @classmethod
    def read(cls, model: Path | None, images: Path | None, home: Home) -> "OwnFiles":
        """Check that they can be used.

        Raises:
            ConfigError: A path is wrong, or the folder has no photos or never ends.
            ModelRefusedError: The model is none that Shoal runs.
        """
        # A shell leaves ~ as it is behind MODEL= and IMAGES=.
        model, images = (path and Path(os.path.expanduser(path)) for path in (model, images))  # noqa: PTH111 - leaves ~nobody
        if model is not None and not model.is_file():
            raise ConfigError(f"No model file {model} - give MODEL=path/to/best.onnx")
        if images is not None:
            _check_photos(images, home)
        if model is not None:
            judge_model(model)
        return cls(None if model is None else OwnModel(model), images)

    @property
    def dataset_name(self) -> str:
        """Name the dataset after the folder: photos of two folders are two histories, whatever the folders are called."""
        if self.images is None:
            return OWN
        folder = self.images.resolve()
        ascii_name = unicodedata.normalize("NFKD", folder.name).encode("ascii", "ignore").decode().lower()
        slug = re.sub(r"[^a-z0-9]+", "-", ascii_name)[:24].strip("-") or "photos"
        return f"{OWN}-{slug}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:6]}"


def _check_photos(folder: Path, home: Home) -> None:
    if not folder.is_dir():
        raise ConfigError(f"No folder {folder} - give IMAGES=/path/to/photos")
    real, root = folder.resolve(), home.root.resolve()
    if root.is_relative_to(real) or real.is_relative_to(root):
        raise ConfigError(
            f"IMAGES={folder} and Shoal's own folder {root} lie one in the other - give a folder of photos outside, "
            "or set SHOAL_HOME to another place"
        )
    photos = others = 0
    for name in _walk(folder, ()):
        if name.lower().endswith(IMAGE_SUFFIXES):
            photos += 1
        else:
            others += 1
    if photos == 0:
        raise ConfigError(
            f"IMAGES={folder} holds no photos: none of its {others} files ends in {' '.join(IMAGE_SUFFIXES)} - "
            "give the folder they lie in"
        )


def _walk(folder: Path, above: tuple[str, ...]) -> Iterator[str]:
    """Name every file below a folder, following links as the store does.

    Raises:
        ConfigError: A folder cannot be read, or lies below itself.
    """
    real = os.path.realpath(folder)
    if real in above:
        raise ConfigError(f"{folder} leads back to {real}, which it lies in: the photos never end - remove that link")
    try:
        entries = list(os.scandir(folder))
    except OSError as err:
        raise ConfigError(f"Folder {folder} cannot be read: {err.strerror} - IMAGES must be readable") from err
    for entry in entries:
        if entry.is_dir():
            yield from _walk(Path(entry.path), (*above, real))
        else:
            yield entry.name
