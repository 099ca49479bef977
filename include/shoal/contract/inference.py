"""The settings of inference, as a plan hands them to its workers and a variant is made of them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shoal.contract.errors import ConfigError, one_line
from shoal.contract.image_limits import PIXEL_LIMIT, SCAN_LIMIT
from shoal.contract.then import Then

PIPELINE_VERSION = 2
"""Raised exactly when a parity test's expectation changes: another number, another variant."""

STORED_CONF = 0.05
"""Lowest confidence stored. Filtering after greedy NMS is exact, so every `conf` above it costs no inference."""

_UNSAID = frozenset({"family", "tile", "tile_overlap", "then"})
"""Settings that are written only where somebody asked for them: variants that did not keep their identity."""


@dataclass(frozen=True)
class Inference:
    """Everything but the model's bytes that can change a stored box.

    Attributes:
        imgsz: Letterbox (height, width) in pixels, multiples of the stride.
        rect: Pad only to the next stride (dynamic models), not to the whole square.
        iou: NMS drops a box when it overlaps a better one of its class by more than this.
        max_det: Most boxes kept per image.
        stored_conf: Lowest confidence stored.
        pixel_limit: Most pixels an image may have.
        scan_limit: Most scans a progressive JPEG may have.
        pipeline_version: Version of decode, letterbox and post-processing.
        family: `<name>/<version>` of a model family from somebody's wheel; None for Shoal's own.
        tile: (height, width) in pixels of the overlapping pieces that are looked at one by one; None: the whole image alone.
        tile_overlap: Share of a tile that the next one shows again; None without tiles.
        then: The second model in a row; None where there is none.
    """

    imgsz: tuple[int, int]
    rect: bool
    iou: float = 0.7
    max_det: int = 300
    stored_conf: float = STORED_CONF
    pixel_limit: int = PIXEL_LIMIT
    scan_limit: int = SCAN_LIMIT
    pipeline_version: int = PIPELINE_VERSION
    family: str | None = None
    tile: tuple[int, int] | None = None
    tile_overlap: float | None = None
    then: Then | None = None

    def to_json(self) -> dict[str, Any]:
        """Write the settings as job and variant hold them: Shoal's own families are under `pipeline_version`."""
        written = {name: value for name, value in asdict(self).items() if name not in _UNSAID or value is not None}
        return {**written, "then": self.then.to_json()} if self.then else written

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> "Inference":
        """Read what `to_json` wrote."""
        sizes = {name: tuple(settings[name]) for name in ("imgsz", "tile") if settings.get(name) is not None}
        then = settings.get("then")
        return cls(**{**settings, **sizes, "then": None if then is None else Then.from_json(then)})


def read_planned_settings(file: Path) -> Inference:
    """Read `job.inference` of a plan from a file by itself.

    Raises:
        ConfigError: There is none in it.
    """
    try:
        return Inference.from_json(json.loads(file.read_bytes()))
    except OSError as err:
        raise ConfigError(f"{file} cannot be read: {err.strerror} - check the path") from err
    except (AttributeError, KeyError, TypeError, ValueError) as err:
        raise ConfigError(
            f"{file} holds no settings of inference ({one_line(err, 200)}) - take job.inference of a plan.json of this release"
        ) from err
