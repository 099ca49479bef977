"""What a dataset's pod template may say: it adds to the pod, undoes nothing of the worker's security, and gets no rights.

Who writes a dataset file is not who runs the cluster. What reaches beyond the pod needs the word of the installation, in an
environment variable of Airflow; what Shoal sets on its own containers is nobody else's. A field that is not known here is asked
about as well: Kubernetes goes on growing. See https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from collections.abc import Collection, Mapping
from typing import Any

from shoal.engines.kubernetes.refusals import Refusals, quoted
from shoal.engines.kubernetes.template_containers import judge_containers

_BEYOND = {
    "hostNetwork": "the pod would be in the node's network",
    "hostPID": "the pod would see the node's processes",
    "hostIPC": "the pod would share the node's memory segments",
    "shareProcessNamespace": "other containers would read the worker's environment, the store's keys in it",
    "automountServiceAccountToken": "the pod would get a token of the cluster",
}
"""What each of these does where it says true."""

_FREE_SPEC = frozenset(
    """activeDeadlineSeconds affinity dnsConfig dnsPolicy enableServiceLinks hostAliases hostname hostUsers imagePullSecrets
    nodeName nodeSelector os overhead preemptionPolicy priority priorityClassName readinessGates resourceClaims resources
    restartPolicy runtimeClassName schedulerName schedulingGates setHostnameAsFQDN subdomain terminationGracePeriodSeconds
    tolerations topologySpreadConstraints""".split()  # noqa: SIM905 - read as a list
)
_JUDGED = {"containers", "initContainers", "volumes", "securityContext", "serviceAccountName", *_BEYOND}
_FREE_SECURITY = {"fsGroupChangePolicy", "seLinuxChangePolicy", "supplementalGroups", "supplementalGroupsPolicy"}
_FREE_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected",
}  # fmt: skip
"""The kinds that Pod Security `restricted` lets pods have, but for Secrets: a token of another account may be one."""

_FREE_SOURCES = {"clusterTrustBundle", "configMap", "downwardAPI"}
_CONFINEMENT = "container.apparmor.security.beta.kubernetes.io/"


def need_template(template: Mapping[str, Any], names: Collection[str], own_spec: Mapping[str, Any]) -> None:
    """Judge a pod template.

    Args:
        template: `cluster.pod.template` of a dataset file.
        names: Those of Shoal's own containers, here or not.
        own_spec: The pod's spec as Shoal makes it.

    Raises:
        ConfigError: It undoes or reaches for what it must not; one line for each field.
    """
    found = Refusals("cluster.pod.template")
    _judge_metadata(found, template.get("metadata") or {})
    for name, value in (template.get("spec") or {}).items():
        _judge_field(found, str(name), value, names, own_spec)
    found.end()


def _judge_field(found: Refusals, name: str, value: Any, names: Collection[str], own_spec: Mapping[str, Any]) -> None:
    place = f"spec.{name}"
    if name in {"containers", "initContainers"}:
        own = {container["name"] for container in own_spec.get(name) or ()}
        judge_containers(found, place, value, own, names)
    elif name == "volumes":
        _judge_volumes(found, place, value, {volume["name"] for volume in own_spec["volumes"]})
    elif name == "securityContext":
        _judge_security(found, place, value, own_spec["securityContext"])
    elif name in {"serviceAccountName", "serviceAccount"}:
        if value not in (None, "", "default"):
            found.ask(place, f"the pod would have the rights of {quoted(value)}", "serviceAccountName")
    elif name in _BEYOND:
        if value:
            found.ask(place, f"{quoted(value)}, and {_BEYOND[name]}", name)
    elif name not in _FREE_SPEC:
        found.ask_unknown(place, name, _FREE_SPEC | _JUDGED)


def _judge_metadata(found: Refusals, metadata: Mapping[str, Any]) -> None:
    for name, value in metadata.items():
        place = f"metadata.{name}"
        if name not in {"labels", "annotations"}:
            found.refuse(place, "a template has labels and annotations, the rest is Shoal's - remove it")
            continue
        for key in found.mapping(place, value):
            if key.startswith(_CONFINEMENT):
                found.ask(f"{place}.{key}", "it changes how a container is confined", "appArmorProfile")


def _judge_security(found: Refusals, place: str, value: Any, own: Mapping[str, Any]) -> None:
    for field, said in found.mapping(place, value).items():
        if field in own:
            if said != own[field]:
                found.refuse(
                    f"{place}.{field}", f"{quoted(said)}, and Shoal sets it to {quoted(own[field])} - remove it"
                )
        elif field not in _FREE_SECURITY:
            found.ask_unknown(f"{place}.{field}", field, _FREE_SECURITY)


def _judge_volumes(found: Refusals, place: str, value: Any, own: Collection[str]) -> None:
    for where, volume in found.mappings(place, value, "name"):
        if volume["name"] in own:
            found.refuse(where, "a volume of Shoal's is called so - choose another name")
        for kind in sorted(set(volume) - _FREE_VOLUMES - {"name"}):
            found.ask(f"{where}.{kind}", "a volume of this kind reaches beyond the pod", kind)
        sources = found.mapping(f"{where}.projected", volume.get("projected")).get("sources")
        for at, source in found.mappings(f"{where}.projected.sources", sources):
            for kind in sorted(set(source) - _FREE_SOURCES):
                found.ask(f"{at}.{kind}", "it gives the pod a secret", kind)
