"""A person's own model and photos: checked before anything is started, and linked, never copied or written to."""

import hashlib
import os
import re
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shoal.bucket.sieve import count_others
from shoal.contract.errors import ConfigError, shown
from shoal.contract.hashing import canonical_sha256
from shoal.contract.model_file import MODEL_FILE
from shoal.contract.model_files import ModelFile
from shoal.embedded.home import Home
from shoal.models.trial import judge_model
from shoal.settings.dataset import IMAGE_SUFFIXES

OWN = "own"


@dataclass(frozen=True)
class OwnModel:
    """An ONNX file with what lies beside it, named by what they hold: two models are never one version.

    Attributes:
        path: The file.
        beside: Its card and its files of weights.
    """

    path: Path
    beside: tuple[ModelFile, ...] = ()

    @property
    def name(self) -> str:
        """The file's name, as a model's may be."""
        return re.sub(r"[^A-Za-z0-9._-]+", "-", self.path.stem).strip("._-")[:40] or "own-model"

    @property
    def version(self) -> str:
        """The first 8 digits of the file's sha256, or of all files' where there are several."""
        with self.path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        files = {one.name: one.sha256 for one in self.beside}
        return (canonical_sha256({"model_sha256": sha256, "files": files}) if files else sha256)[:8]

    def copy_to(self, folder: Path) -> None:
        """Copy it into the folder of a version."""
        folder.mkdir(parents=True, exist_ok=True)
        for one in self.beside:
            shutil.copyfile(self.path.parent / one.name, folder / one.name)
        shutil.copyfile(self.path, folder / MODEL_FILE)


@dataclass(frozen=True)
class OwnFiles:
    """A person's own model and photos; None takes the demo's.

    Attributes:
        model: ONNX file.
        images: Folder of photos.
        dead_links: Links in it that are called like photos and lead nowhere: the store lists none of them.
    """

    model: OwnModel | None
    images: Path | None
    dead_links: tuple[str, ...] = ()

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
        dead_links = () if images is None else _check_photos(images, home)
        own = None if model is None else OwnModel(model, judge_model(model).files)
        return cls(own, images, dead_links)

    def describe(self) -> list[str]:
        """Tell what of the photos is lost before a store sees them."""
        if not self.dead_links:
            return []
        return [f"no photos of {self.images}: {_tell_dead_links(self.dead_links)}"]

    @property
    def dataset_name(self) -> str:
        """Name the dataset after the folder: photos of two folders are two histories, whatever the folders are called."""
        if self.images is None:
            return OWN
        folder = self.images.resolve()
        ascii_name = unicodedata.normalize("NFKD", folder.name).encode("ascii", "ignore").decode().lower()
        slug = re.sub(r"[^a-z0-9]+", "-", ascii_name)[:24].strip("-") or "photos"
        return f"{OWN}-{slug}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:6]}"


def _check_photos(folder: Path, home: Home) -> tuple[str, ...]:
    """Look for photos; return the links that should be some and lead nowhere."""
    if folder.is_file():
        raise ConfigError(f"IMAGES={folder} is a file - give the folder it lies in")
    if not folder.is_dir():
        raise ConfigError(f"No folder {folder} - give IMAGES=/path/to/photos")
    real, root = folder.resolve(), home.root.resolve()
    if root.is_relative_to(real) or real.is_relative_to(root):
        raise ConfigError(
            f"IMAGES={folder} and Shoal's own folder {root} lie one in the other - give a folder of photos outside, "
            "or set SHOAL_HOME to another place"
        )
    photos, dead_links, others = 0, [], Counter[str]()
    for path, is_file in _walk(folder, ()):
        if not path.lower().endswith(IMAGE_SUFFIXES):
            others[os.path.splitext(path)[1].lower()] += 1  # noqa: PTH122 - a Path for each of a million files is slow
        elif is_file:
            photos += 1
        else:
            dead_links.append(path)
    if photos == 0:
        raise ConfigError(f"IMAGES={folder} holds no photos: {_no_photos(others, dead_links)}")
    return tuple(dead_links)


def _no_photos(others: Mapping[str, int], dead_links: Sequence[str]) -> str:
    """Say what lies there instead, with the way out that helps."""
    if dead_links:
        return _tell_dead_links(dead_links)
    none_ends = f"none of its {sum(others.values())} files ends in {' '.join(IMAGE_SUFFIXES)}"
    return f"{none_ends} - {'; '.join(count_others(others).describe()) or 'give the folder they lie in'}"


def _tell_dead_links(links: Sequence[str]) -> str:
    return f"{len(links)} links lead nowhere, such as {shown(links[0], 200)!r} - is a disk or a share not mounted?"


def _walk(folder: Path, above: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """Give the path of all below a folder that is none itself, and whether it is a file; links are followed as the store does.

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
            yield entry.path, entry.is_file()
