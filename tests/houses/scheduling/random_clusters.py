"""Random clusters as JSON objects of the Kubernetes API, made from a seed: nodes, pods, quotas, waiting pods, our pod.

Waiting pods fit exactly one node or none, so which of them the scheduler serves first does not matter.
"""

import random
from dataclasses import dataclass, field
from typing import Any

from scheduling.random_pods import (
    GPU,
    HOSTNAME,
    OURS,
    PRIORITIES,
    THEIRS,
    ZONE,
    anti_affinity,
    node_affinity,
    random_pod,
    spread,
)

TAINTS = (
    {"key": "gpu", "effect": "NoSchedule"},
    {"key": "gpu", "value": "a100", "effect": "NoExecute"},
    {"key": "team", "value": "b", "effect": "NoExecute"},
    {"key": "slow", "effect": "PreferNoSchedule"},
    {"key": "node.kubernetes.io/disk-pressure", "effect": "NoSchedule"},
)
TOLERATIONS = (
    {"key": "gpu", "operator": "Exists"},
    {"key": "gpu", "operator": "Equal", "value": "a100", "effect": "NoExecute"},
    {"key": "team", "value": "b"},
    {"operator": "Exists", "effect": "NoSchedule"},
    {"operator": "Exists"},
)


@dataclass
class RandomCluster:
    """A cluster that is to be built.

    Attributes:
        nodes: Node objects.
        quotas: ResourceQuotas of our namespace.
        bound: Pods on nodes, with what is to become of them (`status`, `terminating`).
        waiting: Pods without a node.
        ours: The pod whose copies are counted.
    """

    nodes: list[dict[str, Any]] = field(default_factory=list)
    quotas: list[dict[str, Any]] = field(default_factory=list)
    bound: list[dict[str, Any]] = field(default_factory=list)
    waiting: list[dict[str, Any]] = field(default_factory=list)
    ours: dict[str, Any] = field(default_factory=dict)


def random_cluster(seed: int) -> RandomCluster:
    """Make the cluster of a seed."""
    rng = random.Random(seed)
    cluster = RandomCluster()
    for number in range(rng.randint(1, 6)):
        cluster.nodes.append(_node(rng, f"s{seed}-n{number}"))
    for node in cluster.nodes:
        for _ in range(rng.randint(0, 4)):
            cluster.bound.append(_bound_pod(rng, node["metadata"]["name"]))
    for node in cluster.nodes:
        if rng.random() < 0.25:
            cluster.waiting += _waiting_for(rng, node["metadata"]["name"])
    if rng.random() < 0.3:
        cluster.waiting += _waiting_for_nothing(rng)
    cluster.ours = _our_pod(rng)
    if rng.random() < 0.35:
        cluster.quotas = [_quota(rng, number) for number in range(rng.randint(1, 2))]
    return cluster


def _node(rng: random.Random, name: str) -> dict[str, Any]:
    labels = {"disk": rng.choice(["ssd", "hdd"]), "generation": str(rng.randint(1, 9)), ZONE: rng.choice("ab")}
    if rng.random() < 0.95:
        labels[HOSTNAME] = name
    allocatable = {
        "cpu": rng.choice(["2", "3500m", "7910m", "8", "15890m", "16"]),
        "memory": rng.choice(["3900Mi", "8Gi", "15500000Ki", "32G", "64Gi"]),
        "ephemeral-storage": rng.choice(["20Gi", "50Gi"]),
        "pods": rng.choice(["4", "8", "15", "110", "110"]),
    }
    if rng.random() < 0.4:
        allocatable[GPU] = rng.choice(["1", "2", "4"])
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "unschedulable": rng.random() < 0.07,
            "taints": rng.sample(TAINTS, rng.choice([0, 0, 0, 0, 1, 2])),
        },
        "status": {"allocatable": allocatable, "capacity": allocatable},
    }


def _bound_pod(rng: random.Random, node: str) -> dict[str, Any]:
    pod = random_pod(rng, rng.choice([OURS, THEIRS]), largest=3)
    pod["spec"] |= {"nodeName": node, "priorityClassName": rng.choice(list(PRIORITIES))}
    if rng.random() < 0.07:
        pod["spec"]["affinity"] = anti_affinity(rng, rng.choice([HOSTNAME, HOSTNAME, ZONE]))
        if rng.random() < 0.5:
            term = pod["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0]
            term |= rng.choice([{"namespaces": [OURS]}, {"namespaceSelector": {}}])
    fate = rng.random()
    if fate < 0.2:
        pod["status"] = {"phase": rng.choice(["Succeeded", "Failed"])}
    elif fate < 0.35:
        pod["terminating"] = True
    elif fate < 0.45:
        # Resized in place: what it has is more than what it wants.
        has = {"requests": {"cpu": "900m", "memory": "700Mi"}}
        pod["status"] = {
            "phase": "Running",
            "containerStatuses": [
                {
                    "name": "main",
                    "image": "i",
                    "imageID": "i",
                    "ready": True,
                    "restartCount": 0,
                    "resources": has,
                    "allocatedResources": has["requests"],
                }
            ],
        }
    return pod


def _waiting_for(rng: random.Random, node: str) -> list[dict[str, Any]]:
    """Make some identical pods that may go to one node only."""
    pod = random_pod(rng, rng.choice([OURS, THEIRS]), largest=2)
    pod["spec"]["priorityClassName"] = rng.choice(["same", "high"])
    pod["spec"]["tolerations"] = [{"operator": "Exists"}]
    pod["spec"]["affinity"] = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]
            }
        }
    }
    if rng.random() < 0.2:
        pod["spec"]["schedulingGates"] = [{"name": "test/wait"}]
    return [pod] * rng.randint(1, 3)


def _waiting_for_nothing(rng: random.Random) -> list[dict[str, Any]]:
    """Make a pod that fits no node, of any priority."""
    pod = random_pod(rng, THEIRS, largest=2)
    pod["spec"]["priorityClassName"] = rng.choice(list(PRIORITIES))
    pod["spec"]["nodeSelector"] = {"disk": "tape"}
    return [pod]


def _our_pod(rng: random.Random) -> dict[str, Any]:
    pod = random_pod(rng, OURS, largest=rng.choice([0, 1, 2]))
    pod["metadata"]["labels"] = {"app": "ours"}
    spec = pod["spec"]
    spec["priorityClassName"] = rng.choice(["same", "same", "low"])
    spec["tolerations"] = rng.sample(TOLERATIONS, rng.choice([0, 1, 2, 3]))
    if rng.random() < 0.2:
        spec["nodeSelector"] = {"disk": rng.choice(["ssd", "hdd"])}
    affinity = {}
    if rng.random() < 0.25:
        affinity |= node_affinity(rng)
    if rng.random() < 0.2:
        affinity |= anti_affinity(rng, HOSTNAME)
    elif rng.random() < 0.4:
        spec["topologySpreadConstraints"] = [spread(rng)]
    if affinity:
        spec["affinity"] = affinity
    if rng.random() < 0.1:
        spec["containers"][0]["ports"] = [{"containerPort": 80, "hostPort": 8080}]
    if rng.random() < 0.15:
        spec["activeDeadlineSeconds"] = 600
    return pod


def _quota(rng: random.Random, number: int) -> dict[str, Any]:
    hard = {"pods": str(rng.randint(8, 30)), "requests.cpu": str(rng.randint(1, 12))}
    if rng.random() < 0.5:
        hard["requests.memory"] = rng.choice(["3Gi", "9Gi", "20Gi"])
    if rng.random() < 0.3:
        hard["count/pods"] = str(rng.randint(15, 40))
    if rng.random() < 0.2:
        hard = {f"requests.{GPU}": str(rng.randint(0, 3))}
    used = dict.fromkeys(hard, "0")
    if "pods" in hard:
        used["pods"] = str(rng.randint(0, 5))
    spec: dict[str, Any] = {"hard": hard}
    scope = rng.random()
    if scope < 0.2:
        spec["scopes"] = [rng.choice(["NotTerminating", "Terminating"])]
    elif scope < 0.3:
        spec["scopes"] = ["NotBestEffort"]
    elif scope < 0.5:
        values = rng.choice([["same"], ["high", "low"]])
        operator = rng.choice(["In", "NotIn"])
        spec["scopeSelector"] = {
            "matchExpressions": [{"scopeName": "PriorityClass", "operator": operator, "values": values}]
        }
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": f"quota{number}", "namespace": OURS},
        "spec": spec,
        "status": {"hard": hard, "used": used},
    }
