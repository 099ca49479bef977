"""Identity of a result: everything that can change a stored box, and nothing else."""

from dataclasses import dataclass
from typing import Any

from shoal.contract.families import check_tileable
from shoal.contract.hashing import canonical_sha256
from shoal.contract.job import Inference
from shoal.contract.layout import FORMAT_VERSION
from shoal.contract.model_info import resolve_imgsz
from shoal.contract.tasks import TASKS
from shoal.models.versions import ModelRelease
from shoal.settings.dataset import Model


@dataclass(frozen=True)
class Variant:
    """One model under one set of inference settings; rows of a variant are interchangeable."""

    release: ModelRelease
    inference: Inference

    @property
    def preimage(self) -> dict[str, Any]:
        """What the identity is made of."""
        files = {file.name: file.sha256 for file in self.release.files}
        return {"model_sha256": self.release.sha256, **({"files": files} if files else {}), **self.inference.to_json()}

    @property
    def task(self) -> str:
        """What the model is for: follows from its bytes, so it is no part of the identity."""
        return self.release.understood.family.task

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
            "model": {
                "name": self.release.name,
                "version": self.release.version,
                "key": self.release.key,
                **self.release.cited,
            },
            "task": self.task,
            "preimage": self.preimage,
            "names": list(self.release.info.names),
        }


def make_variant(release: ModelRelease, model: Model) -> Variant:
    """Resolve a dataset's inference settings for one release.

    Raises:
        ModelRefusedError: The model cannot take the requested imgsz.
    """
    tile = model.tile
    if tile is not None:
        check_tileable(release.understood)
    inference = Inference(
        imgsz=resolve_imgsz(release.info, model.imgsz),
        rect=release.info.rect,
        pixel_limit=model.pixel_limit,
        scan_limit=model.scan_limit,
        family=release.understood.added,
        tile=tile.size if tile else None,
        tile_overlap=tile.overlap if tile else None,
        **{name: getattr(model, name) for name in TASKS[release.understood.family.task].settings},
    )
    return Variant(release, inference)
