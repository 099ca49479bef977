"""Model releases: which versions there are, which one is meant, and what its file says."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from shoal.contract.errors import ConfigError
from shoal.contract.model_file import MODEL_FILE
from shoal.contract.service import Service
from shoal.settings.dataset import Dataset
from shoal.stores.object_store import ImageStore

LATEST = "latest"
"""What a dataset or a run says to mean no version of its own."""

LATEST_OBJECT = "LATEST"
LATEST_BYTES = 64 * 1024
"""It holds the name of a version, and whatever an editor leaves behind it."""
VERSION = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"


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


def _version_named(latest: bytes | None) -> str | None:
    """Read the LATEST object; what is no name of a version, an empty object too, names none."""
    text = latest.decode(errors="replace").strip() if latest else ""
    return text if re.fullmatch(VERSION, text) else None
