"""Which nodes take a pod: cordon, taints, selectors, node affinity."""

import pytest

from scheduling.objects import node, pod
from shoal.capacity.scheduler.nodes import parse_node, reject_by_rules
from shoal.capacity.scheduler.pods import parse_template

GPU = {"key": "gpu", "effect": "NoSchedule"}
TEAM = {"key": "team", "value": "b", "effect": "NoExecute"}


def rejection(a_pod, a_node):
    return reject_by_rules(parse_template(a_pod, "ours").rules, parse_node(a_node))


def words(a_pod, a_node):
    found = rejection(a_pod, a_node)
    return found.words if found else "takes it"


@pytest.mark.parametrize(
    ("taint", "toleration", "takes"),
    [
        pytest.param(GPU, None, False, id="an untolerated taint"),
        pytest.param({"key": "gpu", "effect": "PreferNoSchedule"}, None, True, id="a preference only"),
        pytest.param(GPU, {"key": "gpu", "operator": "Exists"}, True, id="the key exists"),
        pytest.param(GPU, {"key": "gpu"}, True, id="equal by default, both without value"),
        pytest.param(TEAM, {"key": "team"}, False, id="equal, other value"),
        pytest.param(TEAM, {"key": "team", "operator": "Equal", "value": "b"}, True, id="equal, same value"),
        pytest.param(TEAM, {"key": "team", "value": "b", "effect": "NoSchedule"}, False, id="other effect"),
        pytest.param(TEAM, {"key": "team", "operator": "Exists", "effect": "NoExecute"}, True, id="same effect"),
        pytest.param(TEAM, {"operator": "Exists"}, True, id="everything is tolerated"),
        pytest.param(TEAM, {"operator": "Exists", "effect": "NoSchedule"}, False, id="every key of one effect"),
        pytest.param(TEAM, {"key": "team", "operator": "Near"}, False, id="an unknown operator tolerates nothing"),
    ],
)
def test_taints(taint, toleration, takes):
    a_pod = pod(tolerations=[toleration] if toleration else None)
    assert (rejection(a_pod, node(taints=[taint])) is None) == takes


@pytest.mark.parametrize(
    ("a_pod", "a_node", "said"),
    [
        pytest.param(pod(), node(taints=[GPU]), "untolerated taint {gpu: NoSchedule}", id="taint without value"),
        pytest.param(pod(), node(taints=[TEAM]), "untolerated taint {team=b: NoExecute}", id="taint with value"),
        pytest.param(pod(), node(unschedulable=True), "unschedulable (cordoned)", id="cordon"),
        pytest.param(
            pod(nodeSelector={"disk": "ssd"}), node(), "didn't match Pod's node affinity/selector", id="selector"
        ),
        pytest.param(pod(nodeName="b"), node("a"), "didn't match the requested node name", id="node name"),
        pytest.param(
            pod(tolerations=[{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}]),
            node(unschedulable=True),
            "takes it",
            id="a tolerated cordon",
        ),
    ],
)
def test_refusals_are_in_the_schedulers_words(a_pod, a_node, said):
    assert words(a_pod, a_node) == said


@pytest.mark.parametrize(
    ("a_pod", "a_node", "lasts"),
    [
        pytest.param(pod(), node(unschedulable=True), False, id="a cordon is lifted"),
        pytest.param(
            pod(), node(taints=[{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]), False, id="not ready"
        ),
        pytest.param(pod(), node(taints=[GPU]), True, id="a taint somebody set"),
        pytest.param(pod(nodeSelector={"disk": "ssd"}), node(), True, id="labels"),
    ],
)
def test_some_refusals_last(a_pod, a_node, lasts):
    assert rejection(a_pod, a_node).lasts == lasts


def affinity(*terms):
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}}


def labels(key, operator, *values):
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


def fields(operator, *values):
    return {"matchFields": [{"key": "metadata.name", "operator": operator, "values": list(values)}]}


NODE = node("a", labels={"disk": "ssd", "generation": "7", "odd": "7_0"})


@pytest.mark.parametrize(
    ("terms", "takes"),
    [
        pytest.param([labels("disk", "In", "ssd", "nvme")], True, id="In"),
        pytest.param([labels("disk", "In", "hdd")], False, id="In, other value"),
        pytest.param([labels("disk", "NotIn", "hdd")], True, id="NotIn"),
        pytest.param([labels("disk", "NotIn", "ssd")], False, id="NotIn, same value"),
        pytest.param([labels("none", "NotIn", "ssd")], True, id="NotIn holds without the label"),
        pytest.param([labels("disk", "Exists")], True, id="Exists"),
        pytest.param([labels("none", "Exists")], False, id="Exists, without the label"),
        pytest.param([labels("none", "DoesNotExist")], True, id="DoesNotExist"),
        pytest.param([labels("disk", "DoesNotExist")], False, id="DoesNotExist, with the label"),
        pytest.param([labels("generation", "Gt", "6")], True, id="Gt"),
        pytest.param([labels("generation", "Gt", "7")], False, id="Gt is strict"),
        pytest.param([labels("generation", "Gt", "10")], False, id="Gt compares numbers, not text"),
        pytest.param([labels("generation", "Lt", "10")], True, id="Lt"),
        pytest.param([labels("none", "Lt", "10")], False, id="Lt without the label"),
        pytest.param([labels("disk", "Gt", "1")], False, id="Gt of a label that is no number"),
        pytest.param([labels("odd", "Gt", "1")], False, id="Gt of a label that only Python takes for a number"),
        pytest.param([fields("In", "a")], True, id="the node's name"),
        pytest.param([fields("NotIn", "a")], False, id="any node but this"),
        pytest.param([labels("disk", "In", "hdd"), fields("In", "a")], True, id="one term is enough"),
        pytest.param([labels("disk", "In", "ssd") | fields("In", "b")], False, id="a term is met as a whole"),
        pytest.param([{}], False, id="an empty term is met by no node"),
    ],
)
def test_node_affinity(terms, takes):
    assert (rejection(pod(affinity=affinity(*terms)), NODE) is None) == takes


def test_selector_and_affinity_must_both_hold():
    a_pod = pod(nodeSelector={"disk": "hdd"}, affinity=affinity(labels("disk", "Exists")))
    assert rejection(a_pod, NODE) is not None
