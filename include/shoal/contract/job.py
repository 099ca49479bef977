"""What one worker is told: the `job` part of plan.json."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from shoal.contract.errors import ContractError
from shoal.contract.layout import FORMAT_VERSION

PIPELINE_VERSION = 1
"""Raised exactly when a parity test's expectation changes: another number, another variant."""

STORED_CONF = 0.05
"""Lowest confidence stored. Filtering after greedy NMS is exact, so every `conf` above it costs no inference."""

PIXEL_LIMIT = 100_000_000
"""Images with more pixels are `failed: too_large`, judged by the header before anything is decoded."""


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
        pipeline_version: Version of decode, letterbox and post-processing.
    """

    imgsz: tuple[int, int]
    rect: bool
    iou: float = 0.7
    max_det: int = 300
    stored_conf: float = STORED_CONF
    pixel_limit: int = PIXEL_LIMIT
    pipeline_version: int = PIPELINE_VERSION


@dataclass(frozen=True)
class ShardJob:
    """One run as its workers see it.

    Attributes:
        run_key: The run's key, in every row it writes.
        source_bucket: Bucket of the images; keys in the manifest are whole keys.
        models_bucket: Bucket of the model file.
        model_key: Key of the model file.
        model_sha256: sha256 the model file must have.
        results_bucket: Bucket of everything written.
        variant_root: Key prefix of the variant, ends with a slash.
        inference: Settings that decide the boxes.
        budget_s: Seconds after its own start at which a worker takes no further image.
        part_interval_s: Seconds between two parts: what a killed worker loses at most.
        tolerated_failed_share: More `failed` than this share of the tried images stops the shard.
    """

    run_key: str
    source_bucket: str
    models_bucket: str
    model_key: str
    model_sha256: str
    results_bucket: str
    variant_root: str
    inference: Inference
    budget_s: float
    part_interval_s: float = 120.0
    tolerated_failed_share: float = 0.5

    def to_json(self) -> dict[str, Any]:
        """Write the job as plan.json holds it."""
        return asdict(self)

    @classmethod
    def from_plan(cls, plan: Mapping[str, Any]) -> "ShardJob":
        """Read the job out of a parsed plan.json.

        Raises:
            ContractError: The plan is of a later format, or lacks a part of the job.
        """
        version = plan.get("format_version")
        if version != FORMAT_VERSION:
            raise ContractError(
                f"plan.json has format_version {version}, this worker reads {FORMAT_VERSION} - "
                "rebuild the worker image from the release that planned the run"
            )
        try:
            job = dict(plan["job"])
            inference = dict(job.pop("inference"))
            height, width = inference.pop("imgsz")
            return cls(inference=Inference(imgsz=(height, width), **inference), **job)
        except (KeyError, TypeError, ValueError) as err:
            raise ContractError(f"plan.json holds no valid job: {err} - plan the run again") from err


TOO_FEW_TO_JUDGE = 50
"""A shard with fewer tried images is not judged by its share of failures."""


def failed_too_often(failed: int, tried: int, tolerated_share: float) -> bool:
    """Whether a shard must stop: more than the tolerated share failed, from 50 tried images on."""
    return tried >= TOO_FEW_TO_JUDGE and failed > tolerated_share * tried
