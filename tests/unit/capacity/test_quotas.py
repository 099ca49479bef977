"""How many pods a namespace's quotas let in."""

import pytest

from scheduling.objects import container, pod, quota
from shoal.capacity.scheduler.quotas import charge_of, charge_quota, find_quota_room, parse_quota

POD = pod(container(cpu="1", memory="2Gi", limits={"cpu": "2", "memory": "2Gi"}))
GPU = pod(container(**{"nvidia.com/gpu": "2"}))


def room(raw, a_pod=POD):
    found = find_quota_room(parse_quota(raw), charge_of(a_pod))
    return None if found is None else found.pods


@pytest.mark.parametrize(
    ("hard", "used", "a_pod", "pods"),
    [
        pytest.param({"requests.cpu": "10"}, {"requests.cpu": "4500m"}, POD, 5, id="requests of cpu"),
        pytest.param({"cpu": "10"}, {"cpu": "4"}, POD, 6, id="cpu means requests"),
        pytest.param({"limits.cpu": "10"}, {"limits.cpu": "4"}, POD, 3, id="limits of cpu"),
        pytest.param({"memory": "10Gi"}, {}, POD, 5, id="memory means requests"),
        pytest.param({"limits.memory": "5Gi"}, {}, POD, 2, id="limits of memory"),
        pytest.param({"pods": "10"}, {"pods": "7"}, POD, 3, id="pods"),
        pytest.param({"count/pods": "10"}, {"count/pods": "9"}, POD, 1, id="pod objects"),
        pytest.param({"requests.nvidia.com/gpu": "5"}, {}, GPU, 2, id="an extended resource"),
        pytest.param({"requests.ephemeral-storage": "5Gi"}, {}, POD, None, id="a resource the pod does not ask for"),
        pytest.param({"services": "0"}, {}, POD, None, id="other objects"),
        pytest.param({"pods": "3"}, {"pods": "5"}, POD, 0, id="overdrawn"),
        pytest.param({"pods": "9", "cpu": "3"}, {}, POD, 3, id="the scarcest resource binds"),
        pytest.param({}, {}, POD, None, id="limits that no controller has taken up"),
    ],
)
def test_room_in_a_quota(hard, used, a_pod, pods):
    assert room(quota(hard, used), a_pod) == pods


def priority(operator, *values):
    term = {"scopeName": "PriorityClass", "operator": operator, "values": list(values)}
    return {"scopeSelector": {"matchExpressions": [term]}}


@pytest.mark.parametrize(
    ("scope", "a_pod", "counts"),
    [
        pytest.param({"scopes": ["NotTerminating"]}, POD, True, id="no deadline"),
        pytest.param({"scopes": ["Terminating"]}, POD, False, id="no deadline, other scope"),
        pytest.param({"scopes": ["Terminating"]}, pod(activeDeadlineSeconds=60), True, id="a deadline"),
        pytest.param({"scopes": ["NotBestEffort"]}, POD, True, id="with requests"),
        pytest.param({"scopes": ["BestEffort"]}, POD, False, id="with requests, other scope"),
        pytest.param({"scopes": ["BestEffort"]}, pod({"name": "main"}), True, id="without requests"),
        pytest.param({"scopes": ["BestEffort"]}, GPU, True, id="a GPU alone is best effort"),
        pytest.param({"scopes": ["BestEffort", "Terminating"]}, pod({"name": "main"}), False, id="every scope"),
        pytest.param(priority("In", "low"), pod(priorityClassName="low"), True, id="class in"),
        pytest.param(priority("In", "high"), pod(priorityClassName="low"), False, id="class not in"),
        pytest.param(priority("NotIn", "high"), pod(priorityClassName="low"), True, id="class excluded"),
        pytest.param(priority("NotIn", "high"), POD, True, id="no class is not that class"),
        pytest.param(priority("Exists"), POD, False, id="no class"),
        pytest.param(priority("DoesNotExist"), POD, True, id="no class wanted"),
        pytest.param({"scopes": ["CrossNamespacePodAffinity"]}, POD, False, id="affinity stays in the namespace"),
    ],
)
def test_scopes(scope, a_pod, counts):
    assert (room(quota({"pods": "1"}, **scope), a_pod) is not None) == counts


@pytest.mark.parametrize(
    ("hard", "a_pod", "reason"),
    [
        pytest.param(
            {"limits.memory": "9Gi"},
            pod(container(memory="1Gi"), container("b", limits={"memory": "1Gi"})),
            "failed quota quota: must specify limits.memory for: main",
            id="a container without the limit",
        ),
        pytest.param(
            {"requests.cpu": "2500m"},
            pod(container(cpu="3")),
            "quota quota leaves 0 (requests.cpu 3 each, 0 of 2.5 used)",
            id="one pod is more than all of it",
        ),
    ],
)
def test_some_quotas_never_let_a_pod_in(hard, a_pod, reason):
    found = find_quota_room(parse_quota(quota(hard)), charge_of(a_pod))
    assert (found.pods, found.reason, found.lasts) == (0, reason, True)


def test_a_full_quota_may_have_room_later():
    found = find_quota_room(parse_quota(quota({"cpu": "2"}, {"cpu": "2"})), charge_of(POD))
    assert (found.pods, found.lasts) == (0, False)


def test_promised_pods_are_used_already():
    charged = charge_quota(parse_quota(quota({"cpu": "10"}, {"cpu": "3"})), charge_of(POD), 2)
    assert find_quota_room(charged, charge_of(POD)).pods == 5
