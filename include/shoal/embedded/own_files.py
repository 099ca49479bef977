"""A person's own model and photos: checked before anything is started; photos are read where they lie."""

import hashlib
import os
import re
import shutil
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from shoal.bucket.sieve import count_others
from shoal.contract.errors import ConfigError
from shoal.contract.hashing import canonical_sha256
from shoal.contract.model_file import MODEL_FILE
from shoal.contract.model_files import ModelFile
from shoal.embedded.home import Home
from shoal.models.trial import judge_model
from shoal.settings.source import IMAGE_SUFFIXES
from shoal.stores.folder_access import lies_in
from shoal.stores.folder_listing import walk

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
    """

    model: OwnModel | None
    images: Path | None

    @classmethod
    def read(cls, model: Path | None, images: Path | None, home: Home) -> "OwnFiles":
        """Check that they can be used.

        Raises:
            ConfigError: A path is wrong, or the folder has no photos.
            ModelRefusedError: The model is none that Shoal runs.
        """
        # A shell leaves ~ as it is behind MODEL= and IMAGES=.
        model, images = (path and Path(os.path.expanduser(path)) for path in (model, images))  # noqa: PTH111 - leaves ~nobody
        if model is not None and not model.is_file():
            raise ConfigError(
                f"No model file {model} - give MODEL=path/to/best.onnx to make, --model path/to/best.onnx to a command"
            )
        if images is not None:
            _check_photos(images, home)
        return cls(None if model is None else OwnModel(model, judge_model(model).files), images)

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
    """Look for a photo."""
    if folder.is_file():
        raise ConfigError(f"{folder} is a file - give the folder it lies in")
    if not folder.is_dir():
        raise ConfigError(
            f"No folder {folder} - give IMAGES=/path/to/photos to make, --images /path/to/photos to a command"
        )
    root = home.root.resolve()
    if lies_in(root, folder) or lies_in(folder, root):
        raise ConfigError(
            f"{folder} and Shoal's own folder {root} lie one in the other - give a folder of photos outside, "
            "or set SHOAL_HOME to another place"
        )
    others, unlisted = Counter[str](), Counter[str]()
    for found in walk(str(folder), "", 0, unlisted):
        if found.key.lower().endswith(IMAGE_SUFFIXES):
            return
        others[os.path.splitext(found.key)[1].lower()] += 1  # noqa: PTH122 - a Path for each of a million files is slow
    raise ConfigError(f"{folder} holds no photos: {_no_photos(others, unlisted)}")


def _no_photos(others: Mapping[str, int], unlisted: Mapping[str, int]) -> str:
    """Say what lies there instead, with the way out that helps."""
    none_ends = f"none of its {sum(others.values())} files ends in {' '.join(IMAGE_SUFFIXES)}"
    counts = replace(count_others(others), unlisted=unlisted)
    return f"{none_ends} - {'; '.join(counts.describe()) or 'give the folder they lie in'}"
