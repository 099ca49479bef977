"""Somebody's own program that looks at images beside the worker: what a plan says of it, and what makes its rows its own."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from shoal.contract.errors import shown
from shoal.contract.stored_json import pick
from shoal.contract.units import counted

DEEPAAS = "deepaas"
"""Asked over HTTP, as modules of AI4EOSC and iMagine are: https://docs.deep-hybrid-datacloud.eu, `/v2/models/<name>/predict/`."""

OSCAR = "oscar"
"""A script of the user's that runs once for each file: `INPUT_FILE_PATH` in, files in `TMP_OUTPUT_DIR` out."""

CONTAINER = "service"
"""Its container in a pod."""

SERVICES = (DEEPAAS, OSCAR)
"""Kinds of service; the worker has a module for each."""

MAPPED_TASKS = ("detect", "classify")
"""Tasks that an answer can be mapped to."""

TIMEOUT_S = 120.0
"""Seconds that one image may take, where nobody said it."""

START_TIMEOUT_S = 600.0
"""Seconds until it answers for the first time, where nobody said it: frameworks load, weights are read."""


@dataclass(frozen=True)
class Service:
    """Somebody's own program that looks at images, as the worker is told of it.

    Attributes:
        kind: One of `SERVICES`.
        task: One of `MAPPED_TASKS`: what its answers are mapped to.
        names: Class names; the place of a name is its class_id.
        mapping: JMESPath that makes boxes or scores of its JSON.
        image: Reference with a digest (`name@sha256:…`) where it runs in a pod; None where it is started by `command`.
        command: The words that start it where shards are processes, `{port}` filled in; empty in pods.
        port: Of `deepaas`, on loopback; where the worker starts it, a free one is taken instead.
        model: Of `deepaas`: its name below `/v2/models`; None where it has one only.
        params: Of `deepaas`: fields of the form beside the file.
        field: Of `deepaas`: the form's field of the file; None: the one that its OpenAPI names.
        script: Of `oscar`: the script's text.
        timeout_s: Seconds that one image may take.
        start_timeout_s: Seconds until it answers for the first time.
        pod_sha256: Of what a pod's template gives its container besides; None where that is nothing.
    """

    kind: str
    task: str
    names: tuple[str, ...]
    mapping: str
    image: str | None = None
    command: tuple[str, ...] = ()
    port: int = 5000
    model: str | None = None
    params: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    field: str | None = None
    script: str | None = None
    timeout_s: float = TIMEOUT_S
    start_timeout_s: float = START_TIMEOUT_S
    pod_sha256: str | None = None

    def __post_init__(self) -> None:
        """Take only what a worker can do something with.

        Raises:
            ValueError: A kind or a task that there is not, no names, or neither image nor command nor script.
        """
        if self.kind not in SERVICES:
            raise ValueError(f"a service's kind is {self.kind!r:.60}, there are {', '.join(SERVICES)}")
        if self.task not in MAPPED_TASKS:
            raise ValueError(f"a service's task is {self.task!r:.60}, there are {', '.join(MAPPED_TASKS)}")
        if not self.names or len(set(self.names)) < len(self.names):
            raise ValueError("a service needs names of its classes, each once")
        if (self.kind == OSCAR) != (self.script is not None):
            raise ValueError(f"a service of kind {OSCAR}, and no other, has a script")

    @property
    def digest(self) -> str | None:
        """What names the image's bytes, wherever they were pulled from; None without an image."""
        return None if self.image is None else self.image.rpartition("@")[2]

    @property
    def program(self) -> str:
        """Name what `command` starts: its other words may hold what is not for logs."""
        named = (word for word in self.command if word != "env" and "=" not in word and not word.startswith("-"))
        return shown(next(named, "its command"), 120)

    def describe(self) -> str:
        """Say in words what looks at the images."""
        what = f"image {self.image}" if self.image else (self.program if self.command else "a script")
        model = f", its model {self.model}" if self.model else ""
        return (
            f"service of kind {self.kind} ({what}{model}), mapped to {self.task} with {counted(len(self.names), 'name')}, "
            f"{self.timeout_s:g} s for an image at most"
        )

    def describe_doubts(self) -> list[str]:
        """Tell what nobody here can check of it."""
        lines = []
        if self.command:
            lines.append(
                f"nobody checks that {self.program} starts the same program as before - change model.version with it"
            )
        if self.task == "detect":
            lines.append(
                "the service is shown images as they are stored: places in those that EXIF turns are right if it turns them, too"
            )
        return lines

    def preimage(self) -> dict[str, Any]:
        """Everything of it that can change a stored value: not its ports, and not how long it may take."""
        return {
            "kind": self.kind,
            "task": self.task,
            "names": list(self.names),
            "mapping_sha256": _sha256(self.mapping),
            "image": self.digest,
            "command": list(self.command),
            "model": self.model,
            "params": dict(self.params),
            "field": self.field,
            "script_sha256": None if self.script is None else _sha256(self.script),
            **({} if self.pod_sha256 is None else {"pod_sha256": self.pod_sha256}),
        }

    def to_json(self) -> dict[str, Any]:
        """Write it as a plan holds it."""
        told = asdict(self)
        if self.pod_sha256 is None:
            del told["pod_sha256"]
        return told

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Service":
        """Read what `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: It is no service.
        """
        lists = {name: tuple(stored[name]) for name in ("names", "command") if isinstance(stored.get(name), list)}
        return pick(cls, {**stored, **lists})


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
