"""Random pods: requests of every kind, and rules about where they go."""

import random
from typing import Any

OURS, THEIRS = "ours", "theirs"
"""Namespaces."""

PRIORITIES = {"low": -100, "same": 0, "high": 1000}
"""Priority classes; none of them preempts."""

HOSTNAME, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
GPU = "nvidia.com/gpu"


def random_pod(rng: random.Random, namespace: str, largest: int) -> dict[str, Any]:
    """Make a pod with random requests: of containers, init containers, sidecars or the pod itself."""
    main = {"name": "main", "image": "i", "resources": _resources(rng, largest)}
    containers = [main]
    if rng.random() < 0.2:
        containers.append({"name": "second", "image": "i", "resources": _resources(rng, 1)})
    inits = []
    for number in range(rng.choice([0, 0, 1, 2])):
        init = {"name": f"init{number}", "image": "i", "resources": _resources(rng, largest)}
        if rng.random() < 0.5:
            init["restartPolicy"] = "Always"
        inits.append(init)
    spec: dict[str, Any] = {"containers": containers, "initContainers": inits, "restartPolicy": "Never"}
    if rng.random() < 0.05:
        spec["resources"] = {"requests": {"cpu": "6", "memory": "7Gi"}}
    if rng.random() < 0.1:
        spec["runtimeClassName"] = "heavy"
    labels = {"app": rng.choice(["ours", "web", "db"])}
    if namespace == THEIRS and rng.random() < 0.1:
        main["ports"] = [{"containerPort": 80, "hostPort": 8080, "hostIP": rng.choice(["", "10.0.0.1"])}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": namespace, "generateName": "p-", "labels": labels},
        "spec": spec,
    }


def _resources(rng: random.Random, largest: int) -> dict[str, Any]:
    requests = {}
    if rng.random() < 0.9:
        requests["cpu"] = rng.choice(["100m", "250m", "333m", "0.5", "1", "1500m"][: 2 + 2 * largest])
    if rng.random() < 0.9:
        requests["memory"] = rng.choice(["64Mi", "300M", "1Gi", "0.5Gi", "1500Mi", "2Gi"][: 2 + 2 * largest])
    if rng.random() < 0.15:
        requests["ephemeral-storage"] = rng.choice(["1Gi", "8G"])
    resources = {"requests": requests}
    if rng.random() < 0.05:
        requests[GPU] = "1"
        resources["limits"] = {GPU: "1"}
    return resources


def node_affinity(rng: random.Random) -> dict[str, Any]:
    """Make a required node affinity of one or two terms."""
    expressions = [
        {"key": "disk", "operator": "In", "values": ["ssd"]},
        {"key": "disk", "operator": "NotIn", "values": ["ssd"]},
        {"key": "generation", "operator": "Gt", "values": ["4"]},
        {"key": "generation", "operator": "Lt", "values": ["6"]},
        {"key": HOSTNAME, "operator": "Exists"},
        {"key": "special", "operator": "DoesNotExist"},
    ]
    terms = [{"matchExpressions": rng.sample(expressions, rng.randint(1, 2))} for _ in range(rng.randint(1, 2))]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


def anti_affinity(rng: random.Random, key: str) -> dict[str, Any]:
    """Make a required anti-affinity over a topology key."""
    selector = rng.choice(
        [
            {"matchLabels": {"app": "ours"}},
            {"matchExpressions": [{"key": "app", "operator": "In", "values": ["ours", "db"]}]},
            {"matchLabels": {"app": "db"}},
        ]
    )
    term = {"labelSelector": selector, "topologyKey": key}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def spread(rng: random.Random) -> dict[str, Any]:
    """Make a topology spread constraint."""
    constraint = {
        "maxSkew": rng.randint(1, 2),
        "topologyKey": rng.choice([HOSTNAME, HOSTNAME, HOSTNAME, ZONE]),
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": rng.choice(["ours", "ours", "db"])}},
    }
    if rng.random() < 0.3:
        constraint["nodeTaintsPolicy"] = "Honor"
    if rng.random() < 0.2:
        constraint["nodeAffinityPolicy"] = "Ignore"
    if rng.random() < 0.2:
        constraint["minDomains"] = 2
    return constraint
