"""Model releases: which versions there are, which one is meant, and what its file says."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from shoal.contract.errors import ConfigError, ContractError, ModelRefusedError, TooLargeError
from shoal.contract.families import Understood
from shoal.contract.families.layouts import most_at_once
from shoal.contract.hashing import canonical_sha256
from shoal.contract.model_card import CARD_FILE, Card
from shoal.contract.model_file import MODEL_FILE
from shoal.contract.model_files import MOST_CARD_BYTES, ModelFile, missing
from shoal.contract.model_info import ModelInfo
from shoal.contract.service import Service
from shoal.models.dropped import Dropped
from shoal.models.inspect import name_outside
from shoal.models.trial import judge_model
from shoal.settings.dataset import Dataset
from shoal.stores.object_store import ImageStore

LATEST = "latest"
"""What a dataset or a run says to mean no version of its own."""

LATEST_OBJECT = "LATEST"
LATEST_BYTES = 64 * 1024
"""It holds the name of a version, and whatever an editor leaves behind it."""
VERSION = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"


@dataclass(frozen=True)
class ModelRelease:
    """One version of a model, identified by the sha256 of its files, or by all that was said of a service.

    Attributes:
        name: Of the model.
        version: Its version.
        key: Key of its file; empty where it has none.
        sha256: That of its file; of a service that of its preimage.
        understood: What its file and its card say, or the service that is the model.
        untried: Why the worker was not asked whether it runs; empty where it was.
        files: Its card and its files of weights, beside its file.
        cited: Licence and citation, where the card says them.
        dropped: Which boxes its file drops itself.
        most_at_once: Images that its file takes in one inference; None where it leaves that open.
        scores_sum: What a classifier's scores of a black image sum to; None where that is not known.
    """

    name: str
    version: str
    key: str
    sha256: str
    understood: Understood | Service
    untried: str = ""
    files: tuple[ModelFile, ...] = ()
    cited: Mapping[str, str] = field(default_factory=dict)
    dropped: Dropped | None = None
    most_at_once: int | None = None
    scores_sum: float | None = None

    @property
    def said(self) -> dict[str, Any]:
        """Fields of a plan that a reader of its answer is to know of the model, where there is anything to say."""
        below = self.dropped.below if self.dropped else None
        return {
            **({"cited": dict(self.cited)} if self.cited else {}),
            **({} if below is None else {"drops_below": below}),
        }

    @property
    def service(self) -> Service | None:
        """The service that is the model; None where it is a file."""
        return self.understood if isinstance(self.understood, Service) else None

    @property
    def file(self) -> Understood:
        """What its file and its card say; nobody asks that of a service."""
        if isinstance(self.understood, Service):
            raise TypeError(f"model {self} is a service, which has no file")
        return self.understood

    @property
    def info(self) -> ModelInfo:
        """What its file says of itself; nobody asks that of a service."""
        return self.file.info

    @property
    def task(self) -> str:
        """What it is for, one of `contract.tasks`."""
        return self.understood.task if isinstance(self.understood, Service) else self.understood.family.task

    @property
    def names(self) -> tuple[str, ...]:
        """Its class names, by class_id."""
        return self.understood.names if isinstance(self.understood, Service) else self.understood.info.names

    @property
    def key_points(self) -> int | None:
        """How many it says to give each box; None where it says nothing of any."""
        if isinstance(self.understood, Service) or self.understood.info.keypoints is None:
            return None
        return self.understood.info.keypoints[0]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class WantedModel:
    """A model that a dataset names, and which version of it is meant.

    Attributes:
        name: Of the model.
        version: A version or `latest`.
        root: Prefix of all its versions.
        size_limit: A version of more bytes is not read.
        service: Somebody's own program that is the model instead; it has one version, that of the dataset file.
        own_version: That one.
    """

    name: str
    version: str
    root: str
    size_limit: int
    service: Service | None = None
    own_version: str = ""

    @classmethod
    def first(cls, dataset: Dataset, version: str | None = None) -> "WantedModel":
        """Take the model that looks at images.

        Args:
            dataset: Names it.
            version: The run's own choice; None takes the dataset's.
        """
        model, service = dataset.model, dataset.worker.service
        return cls(
            model.name,
            version or model.version,
            f"{dataset.models.prefix}{model.name}/",
            model.size_limit,
            None
            if service is None
            else service.for_job(dataset.cluster.pod.template if dataset.cluster.has_pods else None),
            model.version,
        )

    @classmethod
    def then(cls, dataset: Dataset) -> "WantedModel | None":
        """Take the model that looks at what the first one found; None where there is none."""
        then = dataset.model.then
        if then is None:
            return None
        return cls(then.name, then.version, f"{dataset.models.prefix}{then.name}/", dataset.model.size_limit)


@dataclass(frozen=True)
class PassedOver:
    """A version that is better than the one a run uses, and why it does not use it."""

    version: str
    reason: str


def natural_order(version: str) -> tuple[tuple[int, int | str], ...]:
    """Sort key under which v10 follows v9: runs of digits compare as numbers."""
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in re.findall(r"\d+|\D+", version))


def order_candidates(wanted: str, available: Sequence[str], named_latest: str | None) -> list[str]:
    """List the versions a run may use, best first: the wanted one, or for `latest` what LATEST names and all below it.

    Without LATEST that is every version, the highest in natural order first. A version that LATEST names is a candidate
    also where it has no file: it may be on its way.

    Args:
        wanted: A version or `latest`.
        available: Versions that have a model file.
        named_latest: Content of the LATEST object, None when there is none.

    Raises:
        ConfigError: There is no such version.
    """
    ordered = sorted(available, key=natural_order, reverse=True)
    if wanted != LATEST:
        candidates = [version for version in ordered if version == wanted]
    elif named_latest:
        below = (version for version in ordered if natural_order(version) < natural_order(named_latest))
        candidates = [named_latest, *below]
    else:
        candidates = ordered
    if candidates:
        return candidates
    known = ", ".join(reversed(ordered)) or "none"
    raise ConfigError(
        f"Model version {wanted!r} not found, there are: {known} - put <version>/{MODEL_FILE} there or choose another"
    )


def read_version(root: str, key: str) -> str | None:
    """Read the version of a model file; None when `key` is none.

    A folder that is no name of a version, such as "v2 (old)", is none.
    """
    match = re.fullmatch(rf"({VERSION})/{re.escape(MODEL_FILE)}", key[len(root) :])
    return match[1] if match else None


def list_versions(models: ImageStore, root: str) -> list[str]:
    """List the versions that have a model file, the highest in natural order first.

    Args:
        models: The models bucket.
        root: Prefix of the model's versions, ends with a slash.
    """
    found = [version for key in models.list_keys(root) if (version := read_version(root, key))]
    return sorted(found, key=natural_order, reverse=True)


@dataclass(frozen=True)
class Candidates:
    """The versions of a model, as its bucket had them.

    Attributes:
        usable: Those that a run may use, best first.
        available: All that have a model file, the highest in natural order first; none of a service, which has no file.
    """

    usable: list[str]
    available: list[str]


def list_candidates(models: ImageStore, wanted: WantedModel) -> Candidates:
    """List the versions of a model.

    Raises:
        ConfigError: No such version.
    """
    if wanted.service is not None:
        return Candidates([need_own_version(wanted)], [])
    root = wanted.root
    available = list_versions(models, root)
    latest = models.find_bytes(f"{root}{LATEST_OBJECT}", LATEST_BYTES)
    try:
        return Candidates(order_candidates(wanted.version, available, _version_named(latest)), available)
    except ConfigError as err:
        raise ConfigError(f"{models.uri(root)}: {err}") from err


def read_release(models: ImageStore, wanted: WantedModel, version: str) -> ModelRelease:
    """Read and inspect one version.

    Raises:
        ContractError: It has no file.
        ModelRefusedError: The file is not a model Shoal runs, lacks what belongs beside it, or all of them together are larger
            than `model.size_limit`.
    """
    if wanted.service is not None:
        return service_release(wanted.name, version, wanted.service)
    root = f"{wanted.root}{version}/"
    key = f"{root}{MODEL_FILE}"
    with TemporaryDirectory(prefix="shoal-model-") as folder:
        path = Path(folder) / MODEL_FILE
        try:
            _download(models, root, Path(folder), wanted.size_limit)
            judged = judge_model(path)
        except TooLargeError as err:
            raise ModelRefusedError(f"{err} - raise model.size_limit where it really is a model") from err
        except ModelRefusedError as err:
            raise ModelRefusedError(f"{models.uri(key)}: {err}") from err
    return ModelRelease(
        wanted.name,
        version,
        key,
        judged.sha256,
        judged.understood,
        judged.untried,
        judged.files,
        cited_by(judged.graph.card),
        judged.dropped,
        most_at_once(judged.graph),
        judged.scores_sum,
    )


NOT_TRIED = "not run for trial: it starts beside a worker and nowhere else"


def service_release(name: str, version: str, service: Service) -> ModelRelease:
    """Make the release that a service is: nothing lies in the models bucket, what was said of it is its identity."""
    return ModelRelease(name, version, "", canonical_sha256(service.preimage()), service, NOT_TRIED)


def need_own_version(wanted: WantedModel) -> str:
    """Give the one version of a service, that of the dataset file.

    Raises:
        ConfigError: A run asks for another.
    """
    own = wanted.own_version
    if wanted.version != own:
        raise ConfigError(
            f"Model version {wanted.version!r} not found, there is {own}: the dataset has worker.service, whose version is that "
            "of its file - leave the run's model_version empty, or change model.version and worker.service together"
        )
    return own


def cited_by(card: Card | None) -> dict[str, str]:
    """Give what a card says for those who cite the model: licence and citation."""
    said = {} if card is None else {"licence": card.licence, "citation": card.citation}
    return {name: text for name, text in said.items() if text is not None}


def fetch_version(models: ImageStore, root: str, folder: Path, most: int) -> str:
    """Fetch a version into a folder, as it lies in the bucket; return the sha256 of its file.

    Args:
        models: The models bucket.
        root: Prefix of the version, ends with a slash.
        folder: Where it is put.
        most: Bytes that it may have, card and weights included.

    Raises:
        ConfigError: It has no file, is larger, or lacks weights that its file names.
    """
    try:
        _download(models, root, folder, most)
    except ContractError as err:
        raise ModelRefusedError(f"{models.uri(root)}: {err}") from err
    with (folder / MODEL_FILE).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(models: ImageStore, root: str, folder: Path, most: int) -> None:
    """Fetch a version: its file, its card, and the weights that the file names, all together no more than so many bytes.

    Raises:
        ContractError: It has no file.
        TooLargeError: It has more.
        ModelRefusedError: The file is none, or weights that it names are not there.
    """
    path = folder / MODEL_FILE
    models.download(f"{root}{MODEL_FILE}", path, most)
    left = most - path.stat().st_size
    try:
        card = models.find_bytes(f"{root}{CARD_FILE}", MOST_CARD_BYTES)
    except TooLargeError as err:
        raise ModelRefusedError(
            f"{CARD_FILE} has more than {MOST_CARD_BYTES} bytes - write no more than docs/models.md says"
        ) from err
    if card is not None:
        (folder / CARD_FILE).write_bytes(card)
    for name in name_outside(path):
        try:
            models.download(f"{root}{name}", folder / name, left)
        except TooLargeError as err:
            raise ModelRefusedError(
                f"Model has more than {most} bytes with its weights in {name!r} - raise model.size_limit where it really is "
                "a model"
            ) from err
        except ContractError as err:
            raise ModelRefusedError(missing(name)) from err
        left -= (folder / name).stat().st_size


def _version_named(latest: bytes | None) -> str | None:
    """Read the LATEST object; what is no name of a version, an empty object too, names none."""
    text = latest.decode(errors="replace").strip() if latest else ""
    return text if re.fullmatch(VERSION, text) else None
