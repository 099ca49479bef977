"""The Kubernetes API as the capacity count needs it: nodes, pods, quotas and one dry run, read and never written."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from shoal.capacity.scheduler.fit import fit_pods
from shoal.capacity.scheduler.nodes import parse_node
from shoal.capacity.scheduler.pods import parse_pod
from shoal.capacity.scheduler.quotas import parse_quota
from shoal.capacity.scheduler.snapshot import ClusterSnapshot, Promise
from shoal.capacity.setting_names import OF_DATASET, SettingNames
from shoal.capacity.share import Fit
from shoal.contract.errors import ConfigError, InsufficientCapacityError
from shoal.engines.kubernetes.errors import REQUEST_ERRORS, explain_api_error
from shoal.engines.kubernetes.patience import BoundedClient, patient

PAGE_OBJECTS = 500
TIMEOUT_S = (10, 60)
NOT_ENDED = "status.phase!=Succeeded,status.phase!=Failed"
FORBIDDEN = 403
EXPIRED = 410
DEFAULT_KUBECONFIG = "~/.kube/config"
OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

Parsed = TypeVar("Parsed")


def connect() -> client.ApiClient:
    """Open a client by the usual rules: KUBECONFIG, else ~/.kube/config, else the pod's service account.

    Raises:
        ConfigError: There is none of these, or it is broken.
    """
    found, settings = _kubeconfigs(), client.Configuration()
    try:
        if found:
            config.load_kube_config(found, client_configuration=settings)
        else:
            config.load_incluster_config(client_configuration=settings)
    except (config.ConfigException, yaml.YAMLError) as err:
        if found:
            raise ConfigError(f"Cannot use kubeconfig {found}: {err} - correct it") from err
        asked = os.environ.get("KUBECONFIG") or DEFAULT_KUBECONFIG
        raise ConfigError(
            f"No cluster: no kubeconfig at {asked}, and this is no pod of one - set KUBECONFIG to a kubeconfig file"
        ) from err
    return patient(BoundedClient(settings))


def default_namespace() -> str:
    """Name the namespace of the kubeconfig's context, or of the pod this runs in, else `default`."""
    if found := _kubeconfigs():
        _, active = config.list_kube_config_contexts(found)
        return str(active["context"].get("namespace") or "default")
    return OWN_NAMESPACE.read_text(encoding="utf-8").strip() if OWN_NAMESPACE.exists() else "default"


def _kubeconfigs() -> str:
    """Find the kubeconfig files that exist, joined as KUBECONFIG joins them."""
    paths = (os.environ.get("KUBECONFIG") or DEFAULT_KUBECONFIG).split(os.pathsep)
    expanded = [Path(path).expanduser() for path in paths]
    return os.pathsep.join(str(path) for path in expanded if path.is_file())


@dataclass(frozen=True)
class EffectivePod:
    """A pod as the API server would store it: defaults, sidecars of webhooks, overhead, priority.

    Attributes:
        pod: The pod.
        note: Why it is the pod as given; empty when the server was asked.
        refusal: What a quota said to it, or empty.
    """

    pod: Mapping[str, Any]
    note: str = ""
    refusal: str = ""


def measure_room(
    api_client: client.ApiClient, namespace: str, pod: Mapping[str, Any], promised: Sequence[Promise] = ()
) -> Fit:
    """Count how many pods like this one fit the cluster now.

    Args:
        api_client: The cluster.
        namespace: Where the pods go.
        pod: One of them.
        promised: What other runs may still create.

    Raises:
        ConfigError: The namespace is missing, the pod is refused, or rights are.
        InsufficientCapacityError: The API server's quota check refuses the pod, and only it knows why.
        ClusterError: The API server does not answer.
    """
    return fit_effective(api_client, namespace, effective_pod(api_client, namespace, pod), promised)


def fit_effective(
    api_client: client.ApiClient, namespace: str, effective: EffectivePod, promised: Sequence[Promise] = ()
) -> Fit:
    """Count how many pods fit of which the API server was asked already; see `measure_room`."""
    fit = fit_pods(read_cluster(api_client, namespace), effective.pod, promised)
    if effective.refusal and fit.pods:
        raise InsufficientCapacityError(effective.refusal)
    return replace(fit, notes=(*fit.notes, effective.note)) if effective.note else fit


def read_cluster(api_client: client.ApiClient, namespace: str) -> ClusterSnapshot:
    """Read nodes, pods and the namespace's quotas, page by page.

    Without the right to list nodes and all pods, quotas alone tell what fits, and the snapshot says so.

    Raises:
        ClusterError: The API server does not answer.
    """
    core, notes = client.CoreV1Api(api_client), list[str]()
    nodes = _read_or_note(core.list_node, parse_node, notes, "nodes")
    pods = _read_or_note(core.list_pod_for_all_namespaces, parse_pod, notes, "pods", field_selector=NOT_ENDED)
    quotas = _read_or_note(
        core.list_namespaced_resource_quota, parse_quota, notes, "resourcequotas", namespace=namespace
    )
    if nodes is None or pods is None:
        notes.append("so quotas alone are counted")
        nodes = None
    return ClusterSnapshot(namespace, nodes, pods or (), quotas or (), (", ".join(notes),) if notes else ())


def effective_pod(
    api_client: client.ApiClient, namespace: str, pod: Mapping[str, Any], names: SettingNames = OF_DATASET
) -> EffectivePod:
    """Ask the API server what it would make of a pod (a dry run; nothing is created).

    Args:
        api_client: The cluster.
        namespace: Where the pod goes.
        pod: The pod.
        names: What whoever asks calls their settings.

    Raises:
        ConfigError: The namespace is missing, or admission refuses the pod.
        ClusterError: The API server does not answer.
    """
    # The server refuses a pod that names another namespace than the one it is asked about in.
    metadata = {**(pod.get("metadata") or {}), "namespace": namespace}
    body = {"apiVersion": "v1", "kind": "Pod", **pod, "metadata": metadata}
    create = client.CoreV1Api(api_client).create_namespaced_pod
    try:
        reply = create(namespace, body, dry_run="All", _preload_content=False, _request_timeout=TIMEOUT_S)
    except REQUEST_ERRORS as err:
        error = explain_api_error(err, f"check the pod in namespace {namespace}", names)
        said = str(getattr(err, "body", ""))
        if "cannot create resource" in said:
            return EffectivePod(
                pod, "pods may not be created (deploy/rbac.yaml gives it): the namespace's defaults are not counted"
            )
        if "not support dry run" in said:
            return EffectivePod(
                pod, "a webhook knows no dry run: what it and the namespace's defaults add is not counted"
            )
        if " quota: " in said:
            return EffectivePod(pod, refusal=str(error))
        raise error from err
    return EffectivePod(json.loads(reply.data))


def _read_or_note(
    call: Callable[..., Any],
    parse: Callable[[Mapping[str, Any]], Parsed],
    notes: list[str],
    resource: str,
    **where: str,
) -> tuple[Parsed, ...] | None:
    """Read a list, or note that it may not be read."""
    try:
        return _read_list(call, parse, **where)
    except REQUEST_ERRORS as err:
        if getattr(err, "status", None) != FORBIDDEN:
            raise explain_api_error(err, f"list {resource}") from err
        notes.append(f"{resource} may not be listed (deploy/rbac.yaml gives it)")
        return None


def _read_list(
    call: Callable[..., Any], parse: Callable[[Mapping[str, Any]], Parsed], **where: str
) -> tuple[Parsed, ...]:
    """Read a list, and read it once more from its start when its continuation expired meanwhile (410)."""
    try:
        return tuple(map(parse, _pages(call, **where)))
    except ApiException as err:
        if err.status != EXPIRED:
            raise
        return tuple(map(parse, _pages(call, **where)))


def _pages(call: Callable[..., Any], **where: str) -> Iterator[Mapping[str, Any]]:
    """Yield raw objects: the client's own models take ten times as long to build."""
    token = ""
    while True:
        more = {"_continue": token} if token else {}
        reply = call(limit=PAGE_OBJECTS, _preload_content=False, _request_timeout=TIMEOUT_S, **where, **more)
        page = json.loads(reply.data)
        yield from page["items"]
        token = page["metadata"].get("continue") or ""
        if not token:
            return
