"""`python -m shoal fit`: how many pods of a kind a Kubernetes cluster has room for now, and why not more.

Exit status 0 when at least one fits, 1 when none does, 2 when it cannot be told.
"""

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shoal.capacity.scheduler.requests import pod_requests
from shoal.capacity.share import DEFAULT_SHARE, Capacity, Fit, NodeFit, describe, take_share
from shoal.cli._json import add_json, print_json
from shoal.cli._tell import tell
from shoal.contract.errors import ConfigError, InsufficientCapacityError
from shoal.contract.units import parse_quantity
from shoal.engines.plain_pod import read_pod, sized_pod
from shoal.settings.execution import GPU, check_device

if TYPE_CHECKING:
    from kubernetes.client import ApiClient


@dataclass(frozen=True)
class Question:
    """What is to be counted.

    Attributes:
        pod: One of the pods.
        namespace: Where they go; empty for that of the kubeconfig.
        share: Part of the room one run may take.
        max_pods: Upper bound, None for none.
        conn_id: Airflow connection of the cluster; empty for the kubeconfig.
    """

    pod: Mapping[str, Any]
    namespace: str = ""
    share: float = DEFAULT_SHARE
    max_pods: int | None = None
    conn_id: str = ""


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--cpu", type=_quantity, metavar="CORES", help="a pod of this size, such as 1 or 500m")
    what.add_argument("--pod", type=Path, metavar="FILE", help="the pod in this manifest, YAML or JSON")
    what.add_argument("--dataset", metavar="NAME", help="the pods of this dataset")
    parser.add_argument("--memory", type=_quantity, metavar="BYTES", help="with --cpu: memory, such as 2Gi")
    parser.add_argument(
        *("--gpu", "--resource"),
        action="append",
        default=[],
        type=_device,
        metavar="[NAME=]N",
        dest="resource",
        help=f"with --cpu: so many of a device plugin's resource, such as nvidia.com/mig-1g.10gb=1 (without a name {GPU})",
    )
    parser.add_argument("--namespace", help="where the pods go (default: the pod's, the dataset's, the kubeconfig's)")
    parser.add_argument("--share", type=_share, help=f"part of the room to take, 0 to 1 (default {DEFAULT_SHARE:g})")
    add_json(parser)


def execute(arguments: Namespace) -> int:
    """Count, and print what fits."""
    from shoal.engines.kubernetes.cluster import default_namespace, measure_room  # noqa: PLC0415 - the client takes a second

    if arguments.dataset is not None and (local := _local_room(arguments)) is not None:
        workers, told = local
        _tell(told)
        return 0 if workers else 1
    question = _question(arguments)
    share = question.share if arguments.share is None else arguments.share
    api_client, asked = _reach_cluster(question.conn_id)
    namespace = arguments.namespace or question.namespace or default_namespace()
    try:
        fit = measure_room(api_client, namespace, question.pod)
    except InsufficientCapacityError as err:
        fit = Fit(0, (), {}, str(err))
    capacity = take_share(fit, share, question.max_pods) if fit.pods else _no_room(fit)
    _tell(_as_json(capacity, namespace, asked) if arguments.json else _as_text(capacity, namespace, asked))
    return 0 if capacity.pods else 1


def _tell(found: Mapping[str, Any] | str) -> None:
    if isinstance(found, str):
        tell(found)
    else:
        print_json(found)


def _local_room(arguments: Namespace) -> tuple[int, Mapping[str, Any] | str] | None:
    """Count the worker processes of a dataset that runs on this machine; None for one that has a cluster.

    No cluster is asked: it would answer for machines this dataset never uses.
    """
    from shoal.cli._reach import find_dataset  # noqa: PLC0415 - other questions do not need Airflow's libraries
    from shoal.engines.local.machine import find_room, read_headroom  # noqa: PLC0415

    cluster = find_dataset(arguments.dataset).cluster
    if cluster.has_pods:
        return None
    if arguments.namespace:
        raise ConfigError(f"Dataset {arguments.dataset!r} runs on this machine, which has no namespaces - leave it out")
    if arguments.share is not None:
        cluster = cluster.model_copy(update={"share": arguments.share})
    pod = sized_pod(cluster.pod.cpu, cluster.pod.memory, {})
    request = {name: float(amount) for name, amount in pod_requests(pod).items()}
    machine = read_headroom()
    try:
        capacity = find_room(cluster, [machine], request)
    except InsufficientCapacityError as err:
        capacity = Capacity(0, 0, (), str(err))
    if arguments.json:
        return capacity.pods, _as_json(capacity, "", f"this machine, {machine.name}")
    lines = [capacity.reason, f"may start on this machine ({machine.name}): {capacity.pods}"]
    return capacity.pods, "\n".join(lines)


def _reach_cluster(conn_id: str) -> tuple["ApiClient", str]:
    """Open the cluster of a dataset, or else the kubeconfig's; say for a dataset which one it is."""
    from shoal.engines.kubernetes.cluster import connect  # noqa: PLC0415

    if not conn_id:
        return connect(), ""
    from shoal.cli._reach import look_into_airflow  # noqa: PLC0415 - Airflow takes seconds to import

    look_into_airflow()
    from shoal.airflow.hooks import cluster  # noqa: PLC0415

    if cluster.is_defined(conn_id):
        api_client, way = cluster.connect(conn_id), f"Airflow connection {conn_id!r}"
    else:
        api_client, way = connect(), f"the kubeconfig, since Airflow connection {conn_id!r} is not defined"
    return api_client, f"{api_client.configuration.host} by {way}"


def _question(arguments: Namespace) -> Question:
    if arguments.cpu is None and (arguments.memory is not None or arguments.resource):
        raise ConfigError("--memory, --gpu and --resource go with --cpu - a manifest and a dataset say it themselves")
    if arguments.pod is not None:
        pod = read_pod(arguments.pod)
        return Question(pod, (pod.get("metadata") or {}).get("namespace") or "")
    if arguments.dataset is not None:
        return _dataset_question(arguments.dataset)
    return Question(sized_pod(arguments.cpu, arguments.memory, dict(arguments.resource)))


def _dataset_question(name: str) -> Question:
    from shoal.airflow.engine_of import engine_of  # noqa: PLC0415
    from shoal.cli._reach import find_dataset  # noqa: PLC0415 - other questions do not need Airflow's libraries

    dataset = find_dataset(name)
    cluster, engine = dataset.cluster, engine_of(dataset)
    # A dataset that runs on one machine says no images, but how large its workers are.
    return Question(engine.sample_pod(), cluster.namespace, cluster.share, cluster.max_pods, engine.conn_id)


def _no_room(fit: Fit) -> Capacity:
    way_out = "raise the quota if it says so, or add nodes" if fit.never else "or wait"
    never = ", not even with nothing else running" if fit.never else ""
    return Capacity(0, 0, fit.nodes, "; ".join([f"{fit.shortage}{never}", *fit.notes]) + f" - ask for less, {way_out}")


def _as_json(capacity: Capacity, namespace: str, asked: str) -> dict[str, Any]:
    nodes = [
        {"name": node.name, "pods": node.pods, "free": dict(node.free), "binds": list(node.shortages)}
        for node in capacity.nodes
    ]
    found = {"pods": capacity.pods, "fit": capacity.fit, "namespace": namespace, "reason": capacity.reason}
    return {**found, **({"cluster": asked} if asked else {}), "nodes": nodes}


def _as_text(capacity: Capacity, namespace: str, asked: str) -> str:
    rows = [("NODE", "FREE", "FITS", "ONE MORE"), *map(_row, capacity.nodes)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    table = [
        "  ".join((row[0].ljust(widths[0]), row[1].ljust(widths[1]), row[2].rjust(widths[2]), row[3])) for row in rows
    ]
    lines = [capacity.reason, f"may start in namespace {namespace}: {capacity.pods}"]
    return "\n".join([*(table if capacity.nodes else ()), *lines, *([f"asked cluster {asked}"] if asked else ())])


def _row(node: NodeFit) -> tuple[str, str, str, str]:
    return node.name, describe(node.free), str(node.pods), ", ".join(node.shortages)


def _quantity(text: str) -> str:
    try:
        positive = parse_quantity(text) > 0
    except ConfigError as err:
        raise ArgumentTypeError(str(err)) from err
    if not positive:
        raise ArgumentTypeError(f"a pod cannot ask for {text}")
    return text


def _device(text: str) -> tuple[str, int]:
    name, _, count = text.rpartition("=")
    if re.fullmatch("[1-9][0-9]{0,5}", count) is None:
        raise ArgumentTypeError(f"{text!r} does not end with how many - such as {GPU}=1")
    try:
        return check_device(name or GPU), int(count)
    except ValueError as err:
        raise ArgumentTypeError(str(err)) from err


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0
    if not 0 < share <= 1:
        raise ArgumentTypeError(f"a share is above 0 and at most 1, not {text}")
    return share
