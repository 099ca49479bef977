"""What the workers of a run are told of it: the `job` part of plan.json."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from shoal.contract.errors import ContractError
from shoal.contract.inference import Inference
from shoal.contract.layout import FORMAT_VERSION
from shoal.contract.model_files import ModelFile, need_name
from shoal.contract.service import Service

AUTO = "auto"
"""As many images in one inference as memory has room for and as make it faster."""

MOST_BATCH = 256
"""Images in one inference that anybody may ask for."""


@dataclass(frozen=True)
class Witness:
    """An image that tells whether a login is good: while it reads this one, what it is refused is refused for itself.

    Attributes:
        key: Its whole key.
        object_version: As listed.
        size_bytes: As listed.
    """

    key: str
    object_version: str
    size_bytes: int


@dataclass(frozen=True)
class ThenModel:
    """The files of a second model in a row; they lie in the bucket of the first one's.

    Attributes:
        key: Key of its file.
        sha256: sha256 that file must have.
        files: Its card and its files of weights, beside it.
    """

    key: str
    sha256: str
    files: tuple[ModelFile, ...] = ()

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "ThenModel":
        """Read it out of a job."""
        return cls(stored["key"], stored["sha256"], _read_files(stored["files"]))


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
        read_before: What a worker reads that was refused every image of its own; None where no image was read yet.
        elsewhere: What it tries then, one after another, where that is not read either: images from all over the listing.
        model_files: The model's card and its files of weights, beside the model file.
        batch: Images in one inference, or `AUTO`; no part of the variant (docs/adr/0031-batches.md).
        then_model: The second model in a row, which `inference.then` says how to use; None where there is none.
        service: Somebody's own program that looks at the images instead of a model file; None where there is none.
        ground: Where the disks or shares were mounted that a folder of images stood on when it was listed; empty for a bucket.
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
    read_before: Witness | None = None
    elsewhere: tuple[Witness, ...] = ()
    model_files: tuple[ModelFile, ...] = ()
    batch: int | str = 1
    then_model: ThenModel | None = None
    service: Service | None = None
    ground: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Write the job as plan.json holds it: what is as it always was is left out, as earlier workers read it.

        They refuse what they would not look at.
        """
        job = {
            **asdict(self),
            "inference": self.inference.to_json(),
            "elsewhere": [asdict(one) for one in self.elsewhere],
            "model_files": [file.to_json() for file in self.model_files],
            "service": None if self.service is None else self.service.to_json(),
        }
        usual = {
            "model_files": not self.model_files,
            "batch": self.batch == 1,
            "then_model": self.then_model is None,
            "service": self.service is None,
            "ground": not self.ground,
        }
        return {name: value for name, value in job.items() if not usual.get(name)}

    @classmethod
    def from_plan(cls, plan: Mapping[str, Any]) -> "ShardJob":
        """Read the job out of a parsed plan.json.

        Raises:
            ContractError: The plan is of a later format, or lacks a part of the job.
        """
        version = plan.get("format_version")
        if version != FORMAT_VERSION:
            raise ContractError(
                f"plan.json has format_version {version}, this worker continues {FORMAT_VERSION} only - "
                "start a new run, or rebuild the worker image from the release that planned this one"
            )
        try:
            job = dict(plan["job"])
            inference = Inference.from_json(job.pop("inference"))
            read_before, elsewhere = job.pop("read_before", None), job.pop("elsewhere", ())
            files, then = _read_files(job.pop("model_files", ())), job.pop("then_model", None)
            _need_both(inference, then)
            need_batch(job.get("batch", 1))
            service, ground = job.pop("service", None), job.pop("ground", ())
            return cls(
                inference=inference,
                read_before=None if read_before is None else Witness(**read_before),
                elsewhere=tuple(Witness(**one) for one in elsewhere),
                model_files=files,
                then_model=None if then is None else ThenModel.from_json(then),
                service=None if service is None else Service.from_json(service),
                ground=tuple(map(str, ground)),
                **job,
            )
        except (KeyError, TypeError, ValueError) as err:
            raise ContractError(f"plan.json holds no valid job: {err} - plan the run again") from err


def need_batch(batch: object) -> None:
    """Check how many images go into one inference.

    Raises:
        ValueError: It is no such number, and not `AUTO`.
    """
    if batch != AUTO and not (isinstance(batch, int) and not isinstance(batch, bool) and 1 <= batch <= MOST_BATCH):
        raise ValueError(f"batch {batch!r} is neither {AUTO} nor a number from 1 to {MOST_BATCH}")


def _need_both(inference: Inference, then: object) -> None:
    if (then is None) != (inference.then is None):
        raise ValueError("then_model and inference.then belong together")


def _read_files(stored: Sequence[Mapping[str, Any]]) -> tuple[ModelFile, ...]:
    files = tuple(ModelFile(**one) for one in stored)
    for file in files:
        need_name(file.name)
    return files
