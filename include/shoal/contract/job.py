"""What one worker is told: its command line, and the `job` part of plan.json."""

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shoal.contract.errors import ConfigError, ContractError, one_line
from shoal.contract.layout import ATTEMPT, FORMAT_VERSION, mint_attempt
from shoal.contract.model_files import ModelFile, need_name
from shoal.contract.service import Service
from shoal.contract.then import Then

PIPELINE_VERSION = 2
"""Raised exactly when a parity test's expectation changes: another number, another variant."""

STORED_CONF = 0.05
"""Lowest confidence stored. Filtering after greedy NMS is exact, so every `conf` above it costs no inference."""

PIXEL_LIMIT = 100_000_000
"""Images with more pixels are `failed: too_large`, judged by the header before anything is decoded."""

BYTES_PER_PIXEL = 8
"""More than any image we decode takes uncompressed (16-bit RGBA): larger objects are not even fetched."""

SCAN_LIMIT = 100
"""Images with more scans are `failed: too_complex`: each costs a pass over all pixels, and no camera writes more than a dozen."""


def too_many_bytes(size_bytes: int, pixel_limit: int) -> str | None:
    """Say why an object is too large for any image of so many pixels; None where it is not."""
    most = pixel_limit * BYTES_PER_PIXEL
    if size_bytes <= most:
        return None
    return f"{size_bytes} bytes, an image of {pixel_limit} pixels has at most {most}"


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


RUN = "run"
"""The worker's command that examines a shard."""


@dataclass(frozen=True)
class WorkerCommand:
    """The command line of a worker that examines one shard; it holds no credentials.

    Attributes:
        results_bucket: Bucket of plan, manifest and parts.
        plan: Key of plan.json.
        shard: Number of the shard.
        attempt: 8 characters that no other attempt has.
        manifest: Key of the manifest; None means the one next to the plan.
        mount: Folder the image bucket is mounted at; None means GET by key.
        threads: Threads of one inference.
        progress_interval_s: Seconds between two progress lines.
        careful: Whether an earlier attempt crashed: the first images go one by one, each named first.
    """

    results_bucket: str
    plan: str
    shard: int
    attempt: str
    manifest: str | None = None
    mount: Path | None = None
    threads: int = 1
    progress_interval_s: float = 30.0
    careful: bool = False

    def to_words(self) -> tuple[str, ...]:
        """Write it as the words after `python -m shoal_worker`."""
        options = {
            "--results-bucket": self.results_bucket,
            "--plan": self.plan,
            "--manifest": self.manifest,
            "--shard": str(self.shard),
            "--attempt": self.attempt,
            "--threads": str(self.threads),
            "--progress-interval": f"{self.progress_interval_s:g}",
            "--mount": None if self.mount is None else str(self.mount),
        }
        words = (word for name, value in options.items() if value is not None for word in (name, value))
        return (RUN, *words, *(("--careful",) if self.careful else ()))

    @classmethod
    def parse(cls, words: Sequence[str]) -> "WorkerCommand":
        """Read what `to_words` wrote; a mistake ends the program, as argparse does."""
        parser = argparse.ArgumentParser(prog="python -m shoal_worker")
        parser.add_argument("command", choices=[RUN])
        cls.add_options(parser)
        return cls.of(parser.parse_args(words))

    @staticmethod
    def add_options(parser: argparse.ArgumentParser) -> None:
        """Describe its options."""
        parser.add_argument("--results-bucket", required=True, help="bucket of plan, manifest and parts")
        parser.add_argument("--plan", required=True, metavar="KEY", help="key of plan.json")
        parser.add_argument("--shard", required=True, type=int, metavar="N", help="number of the shard")
        parser.add_argument("--manifest", metavar="KEY", help="key of the manifest (default: the one next to the plan)")
        parser.add_argument("--attempt", type=_attempt_name, metavar="A8", help="8 of a-z, 0-9 (default: random)")
        parser.add_argument("--mount", type=Path, metavar="DIR", help="read images below DIR, not over S3")
        parser.add_argument("--threads", type=positive, default=1, metavar="N", help="threads of one inference (1)")
        parser.add_argument("--progress-interval", type=float, default=30.0, metavar="S", help="seconds (30)")
        parser.add_argument(
            "--careful", action="store_true", help="first images one by one: an earlier attempt crashed"
        )

    @classmethod
    def of(cls, options: argparse.Namespace) -> "WorkerCommand":
        """Take it from parsed options."""
        return cls(
            results_bucket=options.results_bucket,
            plan=options.plan,
            shard=options.shard,
            attempt=options.attempt or mint_attempt(),
            manifest=options.manifest,
            mount=options.mount,
            threads=options.threads,
            progress_interval_s=options.progress_interval,
            careful=options.careful,
        )


def positive(text: str) -> int:
    """Read a number of 1 or more from a command line."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not a positive number")
    return value


def _attempt_name(text: str) -> str:
    if re.fullmatch(ATTEMPT, text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not 8 characters of a-z and 0-9")
    return text


TOO_FEW_TO_JUDGE = 50
"""A shard with fewer tried images is not judged by its share of failures."""


def failed_too_often(failed: int, tried: int, tolerated_share: float) -> bool:
    """Whether a shard must stop: more than the tolerated share failed, from 50 tried images on."""
    return tried >= TOO_FEW_TO_JUDGE and failed > tolerated_share * tried
