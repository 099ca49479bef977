"""Somebody's own container as the model: the `worker` group of a dataset file, and in it `service`."""

import math
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from shoal.contract import service as contract
from shoal.contract.errors import one_line, shown
from shoal.contract.hashing import canonical_sha256
from shoal.contract.job import MOST_BATCH
from shoal.contract.model_info import LONGEST_NAME, MOST_CLASSES
from shoal.settings.execution import Cluster, Container, Size
from shoal.settings.field_types import Duration

LONGEST_SCRIPT = 64 * 1024
"""Characters of a script: it is in every plan."""

LONGEST_START = timedelta(hours=1)
LONGEST_IMAGE = timedelta(hours=1)
"""What takes longer is no work of one image, and a worker that hangs is to be noticed the same day."""

_DIGEST = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}")


def _check_image(image: str) -> str:
    if _DIGEST.fullmatch(image) is None:
        plain = shown(image.partition("@")[0].strip(), 120)
        raise ValueError(
            f"{shown(image, 200)!r} names no digest, and a tag may mean another image tomorrow - write "
            f"{plain}@sha256:…, as `docker buildx imagetools inspect {plain}` or `skopeo inspect docker://{plain}` says it"
        )
    return image


def _check_mapping(mapping: str) -> str:
    import jmespath  # noqa: PLC0415 - only where a dataset file has a service
    from jmespath.exceptions import JMESPathError  # noqa: PLC0415
    from jmespath.functions import Functions  # noqa: PLC0415

    try:
        tree = jmespath.compile(mapping).parsed
    except JMESPathError as err:
        raise ValueError(f"is no JMESPath: {shown(one_line(err), 300)} - {_TRY_IT}") from err
    # It finds out only when an answer is mapped.
    if unknown := sorted(_functions(tree) - set(Functions.FUNCTION_TABLE)):
        raise ValueError(f"is no JMESPath: there is no function {shown(unknown[0], 60)}() - {_TRY_IT}")
    return mapping


_TRY_IT = "try it at https://jmespath.org on one answer of the service"


def _functions(node: Mapping[str, Any]) -> set[str]:
    """Name the functions that an expression calls."""
    own = {str(node["value"])} if node["type"] == "function_expression" else set()
    return own.union(*(_functions(child) for child in node["children"] if isinstance(child, dict)))


def _check_names(names: tuple[str, ...]) -> tuple[str, ...]:
    if not 1 <= len(names) <= MOST_CLASSES:
        raise ValueError(f"{len(names)} class names, there are 1 to {MOST_CLASSES:,} - list what the mapping may name")
    for number, name in enumerate(names):
        if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
            raise ValueError(
                f"name {number} is {shown(name, 60)!r} - each is 1 to {LONGEST_NAME} characters that can be printed"
            )
    if twice := sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []:
        raise ValueError(f"{shown(twice[0], 60)!r} stands there twice - the place of a name is its class_id, keep one")
    return names


def _check_script(script: str) -> str:
    if "\n" not in script.strip() and re.fullmatch(r"\S+\.(sh|bash|py)", script.strip()):
        raise ValueError(
            f"{shown(script, 80)!r} is a file's name - write the script itself here: `script: |`, and its lines below"
        )
    if not script.strip() or "\0" in script or len(script) > LONGEST_SCRIPT:
        raise ValueError(
            f"a script of {len(script):,} characters, 1 to {LONGEST_SCRIPT:,} are taken - have it call what the image holds"
        )
    return script


def _check_param(value: Any) -> Any:
    if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"{shown(repr(value), 60)} is no value of a form - write a number, a text, true or false")
    return value


Word = Annotated[str, Field(min_length=1, max_length=4096)]
Names = Annotated[tuple[str, ...], AfterValidator(_check_names)]
Params = dict[Annotated[str, Field(min_length=1, max_length=200)], Annotated[Any, AfterValidator(_check_param)]]


class Service(Container, Size):
    """A program that knows nothing of Shoal and looks at images: asked by the worker, beside which it runs."""

    kind: Literal["deepaas", "oscar"] = Field(
        description="deepaas: asked over HTTP, as modules of AI4EOSC are; oscar: a script run for each image"
    )
    task: Literal["detect", "classify"] = Field(description="What `mapping` makes of its answers: boxes, or scores")
    names: Names = Field(description="Class names; the place of a name is its class_id")
    mapping: Annotated[str, AfterValidator(_check_mapping)] = Field(
        description="JMESPath from its JSON to boxes or scores"
    )
    image: Annotated[str, AfterValidator(_check_image)] | None = Field(
        None, description="Image reference with its digest, name@sha256:…; for cluster.kind kubernetes"
    )
    command: tuple[Word, ...] = Field(
        (), description="What starts it for cluster.kind local; {port} is the port it is to listen on"
    )
    port: int = Field(5000, ge=1, le=65535, strict=True, description="Of deepaas in a pod: where it listens")
    model: Word | None = Field(None, description="Of deepaas: its model's name; default: the only one that it has")
    params: Params = Field(default_factory=dict, description="Of deepaas: fields of the form beside the image")
    field: Word | None = Field(
        None, description="Of deepaas: the form's field of the image; default: its OpenAPI says it"
    )
    script: Annotated[str, AfterValidator(_check_script)] | None = Field(
        None, description="Of oscar: the script's text"
    )
    timeout: Duration = Field(
        timedelta(seconds=contract.TIMEOUT_S),
        ge=timedelta(seconds=1),
        le=LONGEST_IMAGE,
        description="How long one image may take, from 1s to 1h",
    )
    start_timeout: Duration = Field(
        timedelta(seconds=contract.START_TIMEOUT_S),
        ge=timedelta(seconds=1),
        le=LONGEST_START,
        description="How long it may take to answer for the first time, up to 1h",
    )

    @model_validator(mode="after")
    def _says_what_its_kind_has(self) -> "Service":
        if self.kind == contract.OSCAR:
            if self.script is None:
                raise ValueError(
                    "kind oscar runs a script for each image - write it under script, or set kind: deepaas"
                )
            asked = [name for name in ("model", "params", "field", "port") if name in self.model_fields_set]
            if said := [name for name in asked if getattr(self, name) != _default(name)]:
                raise ValueError(f"{', '.join(said)}: kind oscar is not asked over HTTP - leave that out")
        elif self.script is not None:
            raise ValueError("script is for kind oscar - set kind: oscar, or leave script out")
        return self

    @model_validator(mode="after")
    def _listens_beside_nothing_of_ours(self) -> "Service":
        if self.kind == contract.DEEPAAS and self.command and not any("{port}" in word for word in self.command):
            raise ValueError(
                "command has no {port}, and the worker gives each service a free one - write {port} where the program takes "
                "its port, such as --listen-port={port}"
            )
        return self

    def for_job(self, template: Mapping[str, Any] | None = None) -> contract.Service:
        """Make what the worker is told.

        Args:
            template: What its pod starts from; None where there are no pods.
        """
        given = _given_by(template or {})
        return contract.Service(
            kind=self.kind,
            task=self.task,
            names=self.names,
            mapping=self.mapping,
            image=self.image,
            command=self.command,
            port=self.port,
            model=self.model,
            params=dict(self.params),
            field=self.field,
            script=self.script,
            timeout_s=self.timeout.total_seconds(),
            start_timeout_s=self.start_timeout.total_seconds(),
            pod_sha256=canonical_sha256(given) if given else None,
        )


def _given_by(template: Mapping[str, Any]) -> dict[str, Any]:
    """Pick what a pod's template gives the service's container that may change what it says."""
    spec = template.get("spec")
    spec = spec if isinstance(spec, dict) else {}
    given: dict[str, Any] = {}
    for container in _named(spec.get("initContainers")):
        if container.get("name") == contract.CONTAINER:
            given |= {field: container[field] for field in ("env", "envFrom", "volumeMounts") if container.get(field)}
    mounted = {mount.get("name") for mount in _named(given.get("volumeMounts"))}
    volumes = [volume for volume in _named(spec.get("volumes")) if volume.get("name") in mounted]
    return {**given, "volumes": sorted(volumes, key=lambda one: str(one["name"]))} if volumes else given


def _named(value: Any) -> list[dict[str, Any]]:
    """Take a list of mappings; what else stands there is refused where pods are made."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _default(name: str) -> Any:
    return Service.model_fields[name].get_default(call_default_factory=True)


class Worker(Container):
    """What infers: Shoal's worker, and where somebody else's program is the model, that beside it."""

    # Left out of plan.json where there is none, as before there were any.
    service: Service | None = Field(
        None, exclude_if=lambda service: service is None, description="Somebody's own program in place of a model file"
    )
    # Left out of plan.json where it is as it always was; it holds for worker processes, too.
    batch: Literal["auto"] | Annotated[int, Field(strict=True, ge=1, le=MOST_BATCH)] = Field(
        1,
        exclude_if=lambda batch: batch == 1,
        description=f"Images in one inference, up to {MOST_BATCH}, or auto: as many as make a GPU faster, as memory has room",
    )


NOT_OF_SERVICES = ("imgsz", "iou", "tile", "size_limit", "then")
"""Settings of a model file; a service has its own ways."""


def check_place(service: Service, cluster: Cluster) -> None:
    """Check that a service can be started where workers run.

    Raises:
        ValueError: It cannot.
    """
    if cluster.has_pods:
        if service.image is None:
            raise ValueError("worker.service needs image where cluster.kind is kubernetes - write name@sha256:…")
        if service.command:
            raise ValueError(
                "worker.service.command is for cluster.kind local, in a pod the image starts itself - leave it out"
            )
        return
    if service.image is not None:
        raise ValueError(
            "worker.service.image is for cluster.kind kubernetes, no image is started here - write command instead, or set kind"
        )
    if service.kind == contract.DEEPAAS and not service.command:
        raise ValueError(
            "worker.service needs command where cluster.kind is local - such as [deepaas-run, --listen-port, '{port}']"
        )
    if service.devices:
        raise ValueError("worker.service.gpu and resources are for cluster.kind kubernetes - leave them out")


def check_version(version: str) -> None:
    """Check that a service's version is said: nothing is listed that could tell it.

    Raises:
        ValueError: It is `latest`.
    """
    if version == "latest":
        raise ValueError(
            "model.version latest: no model file is listed where worker.service is the model - write a version of your own, "
            "such as v1"
        )
