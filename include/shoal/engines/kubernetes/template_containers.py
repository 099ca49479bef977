"""What a pod template may say of containers: Shoal's own get variables and volumes, others are no stronger than they."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from posixpath import normpath
from typing import Any

from shoal.contract.oscar_loop import SERVICE_FOLDER
from shoal.engines.kubernetes.refusals import Refusals, quoted
from shoal.engines.kubernetes.service_sidecar import SERVICE, UNPRIVILEGED

OWN_MAY_HAVE = ("name", "env", "envFrom", "resources", "volumeMounts")
"""All else of Shoal's containers is Shoal's alone, whatever it is set to."""

SERVICE_MAY_HAVE = ("name", "env", "envFrom", "volumeMounts", "securityContext")
"""Somebody else's program may need another user, and variables that are Shoal's elsewhere are none of ours there."""

OWN_VARIABLES = re.compile(r"(SHOAL|RCLONE)_.*|PATH|PYTHONPATH|HOME", re.DOTALL)
OWN_PLACES = (
    "tmp",
    "etc/shoal",
    "bucket",
    "opt/shoal",
    "opt/shoal-code",
    SERVICE_FOLDER.lstrip("/"),
    "usr",
    "bin",
    "sbin",
    "lib",
    "lib64",
    "proc",
    "sys",
    "dev",
)
"""Where Shoal's mounts and its images' programs are, below the root."""

OWN_VOLUMES = ("scratch", "bucket", SERVICE)
_CONFINED = ("RuntimeDefault", "Localhost")

_HARMLESS: Mapping[str, Callable[[Any], bool]] = {
    "allowPrivilegeEscalation": lambda said: not said,
    "appArmorProfile": lambda said: isinstance(said, dict) and said.get("type") in _CONFINED,
    "capabilities": lambda said: isinstance(said, dict) and not said.get("add"),
    "privileged": lambda said: not said,
    "procMount": lambda said: said in (None, "Default"),
    "readOnlyRootFilesystem": lambda _: True,
    "runAsGroup": lambda _: True,
    "runAsNonRoot": lambda said: said in (True, None),
    "runAsUser": lambda said: isinstance(said, int) and said > 0,
    "seccompProfile": lambda said: isinstance(said, dict) and said.get("type") in _CONFINED,
}
"""By the field of a container's securityContext: whether a value gives it no more than the worker has."""


def judge_containers(found: Refusals, place: str, value: Any, own: Collection[str], names: Collection[str]) -> None:
    """Judge one of a pod's lists of containers.

    Args:
        found: Takes what is wrong.
        place: Of the list.
        value: The list, or what stands in its place.
        own: Names of Shoal's containers in this list.
        names: Those of all of Shoal's, here or not.
    """
    for where, container in found.mappings(place, value, "name"):
        name = container["name"]
        if name in own and name == SERVICE:
            _judge_service(found, where, container)
        elif name in own:
            _judge_own(found, where, container)
        elif name in names:
            found.refuse(where, f"no container of Shoal's is called {name} here - remove it, or choose another name")
        else:
            _judge_security(found, f"{where}.securityContext", container.get("securityContext"))
        _judge_reach(found, where, container)
        is_ours = name in own and name != SERVICE
        _judge_mounts(found, f"{where}.volumeMounts", container.get("volumeMounts"), is_own=is_ours)


_SETTINGS = {
    "image": "worker.image or sidecar.image says it",
    "imagePullPolicy": "worker.pull_policy or sidecar.pull_policy says it",
}
"""Where what a template may not say is said."""

_SETTINGS_OF_SERVICE = {
    "image": "worker.service.image says it",
    "imagePullPolicy": "worker.service.pull_policy says it",
    "resources": "worker.service.cpu, memory, gpu and resources say it",
    "startupProbe": "worker.service.start_timeout says how long it may take",
}


def _judge_own(found: Refusals, place: str, container: Mapping[str, Any]) -> None:
    _judge_fields(found, place, container, OWN_MAY_HAVE, _SETTINGS)
    for where, entry in found.mappings(f"{place}.env", container.get("env"), "name"):
        if OWN_VARIABLES.fullmatch(entry["name"]):
            found.refuse(where, "Shoal sets this variable itself - remove it")


def _judge_service(found: Refusals, place: str, container: Mapping[str, Any]) -> None:
    """Judge what is added to the service: as of containers of others, but what Shoal sets stays."""
    _judge_fields(found, place, container, SERVICE_MAY_HAVE, _SETTINGS_OF_SERVICE)
    security = found.mapping(f"{place}.securityContext", container.get("securityContext"))
    for field in sorted(set(security) & set(UNPRIVILEGED)):
        said = f"{quoted(security[field])}, and Shoal sets it to {quoted(UNPRIVILEGED[field])}"
        if security[field] != UNPRIVILEGED[field]:
            found.refuse(f"{place}.securityContext.{field}", f"{said} - remove it")
    others = {field: said for field, said in security.items() if field not in UNPRIVILEGED}
    _judge_security(found, f"{place}.securityContext", others)


def _judge_fields(
    found: Refusals, place: str, container: Mapping[str, Any], may_have: Sequence[str], settings: Mapping[str, str]
) -> None:
    for field in container:
        if field not in may_have:
            way_out, adds = settings.get(field, "remove it"), ", ".join(may_have[1:])
            found.refuse(f"{place}.{field}", f"Shoal sets this itself, a template adds {adds} - {way_out}")


def _judge_security(found: Refusals, place: str, value: Any) -> None:
    for field, said in found.mapping(place, value).items():
        if field not in _HARMLESS:
            found.ask_unknown(f"{place}.{field}", field, _HARMLESS)
        elif not _HARMLESS[field](said):
            found.ask(f"{place}.{field}", f"{quoted(said)} gives it more than the worker has", field)


def _judge_reach(found: Refusals, place: str, container: Mapping[str, Any]) -> None:
    for where, port in found.mappings(f"{place}.ports", container.get("ports")):
        if port.get("hostPort"):
            found.ask(f"{where}.hostPort", f"{quoted(port['hostPort'])} would be open on the node", "hostPort")
    reads = "it reads a Secret of the namespace"
    for where, entry in found.mappings(f"{place}.env", container.get("env"), "name"):
        if found.mapping(f"{where}.valueFrom", entry.get("valueFrom")).get("secretKeyRef") is not None:
            found.ask(f"{where}.valueFrom.secretKeyRef", reads, "secret")
    for where, entry in found.mappings(f"{place}.envFrom", container.get("envFrom")):
        if entry.get("secretRef") is not None:
            found.ask(f"{where}.secretRef", reads, "secret")


def _judge_mounts(found: Refusals, place: str, value: Any, *, is_own: bool) -> None:
    for where, mount in found.mappings(place, value, "mountPath"):
        path = normpath("/" + mount["mountPath"]).lstrip("/")
        if is_own and any(_overlap(path, own) for own in OWN_PLACES):
            why = f"{quoted(mount['mountPath'])} lies over or in what Shoal has there"
            found.ask(f"{where}.mountPath", why, "volumeMounts")
        elif not is_own and mount.get("name") in OWN_VOLUMES:
            found.ask(f"{where}.name", f"{mount['name']} is the worker's own volume", "volumeMounts")
        if mount.get("mountPropagation") not in (None, "None", "HostToContainer"):
            why = f"{quoted(mount['mountPropagation'])} would reach the node"
            found.ask(f"{where}.mountPropagation", why, "mountPropagation")


def _overlap(one: str, other: str) -> bool:
    return one in ("", other) or one.startswith(f"{other}/") or other.startswith(f"{one}/")
