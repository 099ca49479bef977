"""One version of a model as a run uses it: what identifies it, and what its file or service says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shoal.contract.families import Understood
from shoal.contract.hashing import canonical_sha256
from shoal.contract.model_files import ModelFile
from shoal.contract.model_info import ModelInfo
from shoal.contract.service import Service
from shoal.models.dropped import Dropped

NOT_TRIED = "not run for trial: it starts beside a worker and nowhere else"


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


def service_release(name: str, version: str, service: Service) -> ModelRelease:
    """Make the release that a service is: nothing lies in the models bucket, what was said of it is its identity."""
    return ModelRelease(name, version, "", canonical_sha256(service.preimage()), service, NOT_TRIED)
