"""Identity of a result: everything that can change a stored box, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shoal.contract.families import check_tileable
from shoal.contract.hashing import canonical_sha256
from shoal.contract.inference import Inference
from shoal.contract.layout import FORMAT_VERSION
from shoal.contract.model_files import ModelFile
from shoal.contract.model_info import resolve_imgsz
from shoal.contract.service import Service
from shoal.contract.tasks import TASKS
from shoal.models.release import ModelRelease
from shoal.models.then import resolve_then
from shoal.settings.dataset import Dataset, Model


@dataclass(frozen=True)
class Variant:
    """One model, or two in a row, under one set of inference settings; rows of a variant are interchangeable.

    Attributes:
        release: The model that looks at images.
        inference: How.
        then: The classifier that looks at what it found; None where there is none.
    """

    release: ModelRelease
    inference: Inference
    then: ModelRelease | None = None

    @property
    def preimage(self) -> dict[str, Any]:
        """What the identity is made of."""
        if self.release.service is not None:
            settings = self.inference.to_json()
            return {
                "service": self.release.service.preimage(),
                **{name: settings[name] for name in self._settings_of_service},
            }
        made = {**name_files(self.release.sha256, self.release.files), **self.inference.to_json()}
        return (
            made
            if self.then is None
            else {**made, "then": {**name_files(self.then.sha256, self.then.files), **made["then"]}}
        )

    @property
    def title(self) -> str:
        """Name its models for people."""
        return str(self.release) if self.then is None else f"{self.release}, then {self.then}"

    @property
    def version(self) -> str:
        """Name the versions of its models."""
        return self.release.version if self.then is None else f"{self.release.version}, then {self.then}"

    @property
    def then_names(self) -> tuple[str, ...]:
        """Names by class_id of what the second model says: its classes, and the taxa above that it may roll up to."""
        if self.then is None:
            return ()
        roll_up = self.inference.then.roll_up if self.inference.then else None
        return (*self.then.names, *(roll_up.ancestors if roll_up else ()))

    @property
    def names(self) -> tuple[str, ...]:
        """Names by class_id of what counts: the first model's classes, then what only the second one says."""
        return (*self.release.names, *added_names(self.release.names, self.then_names))

    @property
    def _settings_of_service(self) -> tuple[str, ...]:
        """What of the settings decides its rows: which images are looked at, and which boxes of its answers are kept."""
        kept = set(TASKS[self.task].settings) - {"iou"}
        return ("pixel_limit", "scan_limit", "stored_conf", "pipeline_version", *sorted(kept))

    @property
    def task(self) -> str:
        """What the model is for: follows from its bytes, so it is no part of the identity."""
        return self.release.task

    @property
    def sha256(self) -> str:
        """The identity: sha256 of the preimage's canonical JSON."""
        return canonical_sha256(self.preimage)

    @property
    def directory(self) -> str:
        """Name of the variant's folder."""
        return f"{self.release.name}-{self.release.version}-{self.sha256[:12]}"

    def to_json(self) -> dict[str, Any]:
        """Write `variant.json`."""
        return {
            "format_version": FORMAT_VERSION,
            "variant_sha256": self.sha256,
            "model": _told(self.release),
            "task": self.task,
            "preimage": self.preimage,
            "names": list(self.release.names),
            **({} if self.then is None else {"then": {"model": _told(self.then), "names": list(self.then_names)}}),
        }


def added_names(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """Name what a second model says and the first one does not, each once."""
    return [name for name in dict.fromkeys(second) if name not in set(first)]


def make_variant(release: ModelRelease, dataset: Dataset, then: ModelRelease | None = None) -> Variant:
    """Resolve a dataset's inference settings for one release, or for two in a row.

    Raises:
        ModelRefusedError: The model cannot take the requested imgsz, or the two do not go together.
    """
    understood, model = release.understood, dataset.model
    if isinstance(understood, Service):
        return Variant(release, _of_service(understood, model))
    tile, info = model.tile, understood.info
    if tile is not None:
        check_tileable(understood)
    inference = Inference(
        imgsz=resolve_imgsz(info, model.imgsz),
        rect=info.rect,
        pixel_limit=model.pixel_limit,
        scan_limit=model.scan_limit,
        family=understood.added,
        tile=tile.size if tile else None,
        tile_overlap=tile.overlap if tile else None,
        then=resolve_then(release, then, model.then, dataset.taxa) if then and model.then else None,
        **{name: getattr(model, name) for name in TASKS[release.task].settings},
    )
    return Variant(release, inference, then)


def name_files(model_sha256: str, beside: Sequence[ModelFile]) -> dict[str, Any]:
    """Name the bytes of a model in a preimage: those of its file, and of what lies beside it."""
    files = {file.name: file.sha256 for file in beside}
    return {"model_sha256": model_sha256, **({"files": files} if files else {})}


def _told(release: ModelRelease) -> dict[str, Any]:
    return {"name": release.name, "version": release.version, "key": release.key, **release.cited}


REHEARSED_HW = (640, 640)
"""(height, width) in px of the blank image that a service is asked about first: it gets images as they are."""


def _of_service(service: Service, model: Model) -> Inference:
    settings = {name: getattr(model, name) for name in TASKS[service.task].settings if name != "iou"}
    return Inference(
        imgsz=REHEARSED_HW, rect=False, pixel_limit=model.pixel_limit, scan_limit=model.scan_limit, **settings
    )
