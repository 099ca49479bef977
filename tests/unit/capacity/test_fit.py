"""The whole count on small clusters: what is there, what comes first, what fits then, and what is said about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduling.objects import HOSTNAME, container, node, pod, quota
from shoal.capacity.scheduler.fit import fit_pods
from shoal.capacity.scheduler.nodes import parse_node
from shoal.capacity.scheduler.pods import parse_pod, scheduled_part
from shoal.capacity.scheduler.quotas import parse_quota
from shoal.capacity.scheduler.snapshot import ClusterSnapshot, Promise
from shoal.capacity.share import take_share
from shoal.contract.errors import ConfigError, InsufficientCapacityError, NeverFitsError

ZONE = "topology.kubernetes.io/zone"
OURS = pod(labels={"app": "ours"})
"""cpu 1, memory 1Gi."""

EFFECTIVE = pod(
    {**container(cpu="1"), "env": [{"name": "TOKEN", "value": "canary"}]}, overhead={"cpu": "500m"}, volumes=[{"name": "v"}],
    inits=[container("proxy", sidecar=True, cpu="500m")],
)  # fmt: skip


def fit(nodes, pods=(), ours=OURS, *, quotas=(), promised=()):
    nodes = None if nodes is None else tuple(map(parse_node, nodes))
    notes = () if nodes is not None else ("nodes may not be listed",)
    snapshot = ClusterSnapshot("ours", nodes, tuple(map(parse_pod, pods)), tuple(map(parse_quota, quotas)), notes)
    return fit_pods(snapshot, ours, promised)


def on(name, a_pod=OURS, **status):
    """Put a pod on a node."""
    spec = {**a_pod["spec"], "nodeName": name}
    return {**a_pod, "spec": spec, "status": {**a_pod["status"], **status}}


def anti_affinity(key=HOSTNAME, app="ours", **term):
    term = {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}, **term}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def near(key, app="ours"):
    term = {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}}
    return {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def spread(key=HOSTNAME, max_skew=1, app="ours", **more):
    return {
        "topologyKey": key,
        "maxSkew": max_skew,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": app}},
        **more,
    }


def ours(**spec):
    return pod(labels={"app": "ours"}, **spec)


BIG = container(cpu="3", memory="1Gi")
WEB = pod(labels={"app": "web"})


@pytest.mark.parametrize(
    ("nodes", "pods", "fits"),
    [
        pytest.param([node(cpu="4")], [], 4, id="an empty node"),
        pytest.param([node("a", cpu="1500m"), node("b", cpu="1500m")], [], 2, id="halves do not add up"),
        pytest.param([node(cpu="4", memory="2Gi")], [], 2, id="the scarcer resource binds"),
        pytest.param([node(pods="3")], [], 3, id="pods per node"),
        pytest.param([node()], [on("a", WEB)], 3, id="a running pod takes its request"),
        pytest.param([node()], [on("a", WEB, phase="Pending")], 3, id="a bound pod that has not started too"),
        pytest.param(
            [node()],
            [on("a", {**WEB, "metadata": {**WEB["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}})],
            3,
            id="a terminating pod still takes it",
        ),
        pytest.param([node(pods="2")], [on("a", pod({"name": "main"}))], 1, id="a pod without requests takes a place"),
        pytest.param([node(cpu="2")], [on("a", pod(BIG))], 0, id="an overcommitted node"),
        pytest.param([node()], [on("elsewhere")], 4, id="a pod on a node that is gone"),
        pytest.param([], [], 0, id="no nodes"),
    ],
)
def test_pods_that_fit(nodes, pods, fits):
    assert fit(nodes, pods).pods == fits


def test_a_resource_that_is_not_asked_for_may_be_overcommitted():
    assert fit([node(memory="1Gi")], [on("a", pod(container(memory="2Gi")))], pod(container(cpu="1"))).pods == 4


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [pytest.param("1", 2, id="one each"), pytest.param("2", 1, id="two each"), pytest.param("3", 0, id="too many")],
)
def test_gpus_are_counted_like_any_resource(wanted, fits):
    gpu_node = node("g", **{"nvidia.com/gpu": "2"})
    assert fit([node("a"), gpu_node], [], pod(container(cpu="1", **{"nvidia.com/gpu": wanted}))).pods == fits


@pytest.mark.parametrize(
    ("waiting", "fits"),
    [
        pytest.param([pod(BIG)], 1, id="a waiting pod comes first"),
        pytest.param([pod(BIG)] * 2, 1, id="the second has no room and takes none"),
        pytest.param([pod(container(cpu="5"))], 4, id="one that fits nowhere takes nothing"),
        pytest.param([pod(BIG, priority=5)], 1, id="of higher priority"),
        pytest.param([pod(BIG, priority=-1)], 4, id="of lower priority comes later"),
        pytest.param([pod(BIG, schedulingGates=[{"name": "wait"}])], 4, id="held back by a gate"),
        pytest.param([pod(BIG, nodeSelector={"disk": "tape"})], 4, id="for other nodes"),
        pytest.param([pod(BIG, status={"nominatedNodeName": "a"})], 1, id="nominated: its node keeps room for it"),
        pytest.param([pod(BIG, status={"nominatedNodeName": "b"})], 4, id="nominated elsewhere"),
        pytest.param([pod(BIG, status={"nominatedNodeName": "a"}, priority=-1)], 4, id="nominated, lower priority"),
    ],
)
def test_waiting_pods(waiting, fits):
    assert fit([node(cpu="4")], waiting).pods == fits


def test_waiting_pods_of_higher_priority_choose_first():
    waiting = [pod(container(cpu="2")), pod(BIG, priority=5)]
    assert fit([node(cpu="4")], waiting).pods == 1


def test_waiting_pods_obey_their_own_spread():
    both = [node("a"), node("b", cpu="1")]
    waiting = [pod(labels={"app": "web"}, topologySpreadConstraints=[spread(app="web")])] * 4
    assert fit(both, waiting).pods == 2


@pytest.mark.parametrize(
    ("promised", "fits"),
    [
        pytest.param([Promise(OURS, 3)], 1, id="promised pods come first"),
        pytest.param([Promise(OURS, 9)], 0, id="all room is promised"),
        pytest.param([Promise(pod(container(cpu="9")), 9)], 4, id="what fits nowhere takes nothing"),
        pytest.param([Promise(OURS, 0)], 4, id="all of them exist"),
        pytest.param([Promise(scheduled_part(EFFECTIVE), 1)], 2, id="webhook's sidecar and overhead count too"),
    ],
)
def test_room_is_not_promised_twice(promised, fits):
    assert fit([node(cpu="4")], promised=promised).pods == fits


@pytest.mark.parametrize(
    ("namespace", "fits"), [pytest.param("ours", 1, id="same namespace"), pytest.param("else", 3, id="another one")]
)
def test_promised_pods_use_the_quota_of_their_namespace(namespace, fits):
    promise = Promise(pod(namespace=namespace), 2)
    assert fit([node(cpu="9")], quotas=[quota({"cpu": "3"})], promised=[promise]).pods == fits


def test_a_promise_tells_others_nothing_that_only_its_containers_need():
    told = str(scheduled_part(EFFECTIVE))
    assert "canary" not in told
    assert "volumes" not in told


THREE = [node("a"), node("b"), node("c", cpu="1")]


@pytest.mark.parametrize(
    ("template", "pods", "fits"),
    [
        pytest.param(ours(affinity=anti_affinity()), [], 3, id="refuses its own kind: one per node"),
        pytest.param(ours(affinity=anti_affinity()), [on("a")], 2, id="one is there already"),
        pytest.param(ours(affinity=anti_affinity(app="db")), [], 9, id="refuses others that are not there"),
        pytest.param(
            ours(affinity=anti_affinity(app="web")), [on("a", WEB)], 5, id="refuses others: their nodes are out"
        ),
        pytest.param(
            ours(affinity=anti_affinity(app="web")),
            [on("a", {**WEB, "metadata": {**WEB["metadata"], "namespace": "else"}})],
            8,
            id="pods of other namespaces are not meant",
        ),
        pytest.param(
            ours(affinity=anti_affinity(app="web", namespaceSelector={})),
            [on("a", {**WEB, "metadata": {**WEB["metadata"], "namespace": "else"}})],
            5,
            id="unless every namespace is selected",
        ),
        pytest.param(
            OURS,
            [on("b", pod(labels={"app": "db"}, affinity=anti_affinity()))],
            5,
            id="is refused by a pod that is there",
        ),
        pytest.param(ours(topologySpreadConstraints=[spread()]), [], 5, id="spread: one ahead of the fullest node"),
        pytest.param(ours(topologySpreadConstraints=[spread(max_skew=2)]), [], 7, id="spread: two ahead"),
        pytest.param(ours(topologySpreadConstraints=[spread()]), [on("a"), on("a")], 3, id="spread: one is ahead"),
        pytest.param(
            ours(topologySpreadConstraints=[spread(app="web")]), [on("a", WEB)] * 2, 5, id="spread among others"
        ),
        pytest.param(ours(topologySpreadConstraints=[spread(minDomains=4)]), [], 3, id="spread: too few domains"),
        pytest.param(
            ours(containers=[container(cpu="1", ports=[{"hostPort": 80}])]), [], 3, id="a host port: one per node"
        ),
    ],
)
def test_pods_that_refuse_or_seek_each_other(template, pods, fits):
    assert fit(THREE, pods, template).pods == fits


@pytest.mark.parametrize(
    ("theirs", "fits"),
    [
        pytest.param({"hostPort": 80}, 0, id="the same port"),
        pytest.param({"hostPort": 80, "hostIP": "10.0.0.1"}, 0, id="of one address"),
        pytest.param({"hostPort": 81}, 1, id="another port"),
        pytest.param({"hostPort": 80, "protocol": "UDP"}, 1, id="another protocol"),
    ],
)
def test_host_ports(theirs, fits):
    template = pod(container(cpu="1", ports=[{"hostPort": 80}]))
    assert fit([node()], [on("a", pod(container(ports=[theirs])))], template).pods == fits


def test_cordoned_nodes_count_when_pods_are_spread():
    nodes = [node("a"), node("b", unschedulable=True)]
    assert fit(nodes, [], ours(topologySpreadConstraints=[spread()])).pods == 1
    tainted = [node("a"), node("b", taints=[{"key": "gpu", "effect": "NoSchedule"}])]
    assert fit(tainted, [], ours(topologySpreadConstraints=[spread(nodeTaintsPolicy="Honor")])).pods == 4


def zoned(name, zone, cpu="4"):
    return node(name, cpu=cpu, labels={ZONE: zone})


@pytest.mark.parametrize(
    ("template", "fits"),
    [
        pytest.param(ours(affinity=anti_affinity(ZONE)), 2, id="one per zone"),
        pytest.param(ours(topologySpreadConstraints=[spread(ZONE)]), 3, id="zones within one pod of each other"),
        pytest.param(ours(affinity=near(ZONE)), 1, id="all in one zone: the smaller one may be chosen"),
    ],
)
def test_other_topologies_give_a_lower_bound_and_say_so(template, fits):
    found = fit([zoned("a", "x"), zoned("b", "x"), zoned("c", "y", cpu="1")], [], template)
    assert found.pods == fits
    assert found.notes == (f"a lower bound: topology key {ZONE}",)


def test_volumes_that_bind_pods_to_nodes_give_an_upper_bound():
    claim = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    assert fit(THREE, [], ours(volumes=[claim])).notes == ("an upper bound: persistent volumes are not looked at",)
    assert fit(THREE, [], ours(volumes=[{"name": "scratch", "emptyDir": {}}])).notes == ()


def test_hostnames_give_the_count_itself():
    assert fit(THREE, [], ours(affinity=anti_affinity())).notes == ()


def test_pods_that_want_to_be_near_others_go_there():
    nodes = [zoned("a", "x"), zoned("b", "x"), zoned("c", "y")]
    assert fit(nodes, [on("a", WEB)], ours(affinity=near(ZONE, app="web"))).pods == 7
    assert fit(nodes, [], ours(affinity=near(ZONE, app="web"))).pods == 0


GPU_TAINT = {"key": "gpu", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("nodes", "pods", "never", "line"),
    [
        pytest.param(
            [node("a", cpu="500m"), node("b", cpu="500m"), node("c", taints=[GPU_TAINT])],
            [],
            True,
            "0/3 nodes fit one pod (cpu 1, memory 1Gi): 2 Insufficient cpu, 1 untolerated taint {gpu: NoSchedule}",
            id="not even when empty",
        ),
        pytest.param(
            [node("a", cpu="500m"), node("b", cpu="1")],
            [on("b", pod(container(cpu="1", memory="8Gi")))],
            False,
            "0/2 nodes fit one pod (cpu 1, memory 1Gi): 2 Insufficient cpu, 1 Insufficient memory",
            id="not now",
        ),
        pytest.param(
            [node("a", unschedulable=True), node("b", pods="0")],
            [],
            False,
            "0/2 nodes fit one pod (cpu 1, memory 1Gi): 1 Too many pods, 1 unschedulable (cordoned)",
            id="a cordon may be lifted",
        ),
        pytest.param(
            [node("a", unschedulable=True, taints=[GPU_TAINT]), node("b", taints=[GPU_TAINT])],
            [],
            True,
            "0/2 nodes fit one pod (cpu 1, memory 1Gi): 1 unschedulable (cordoned), 1 untolerated taint {gpu: NoSchedule}",
            id="a cordon that hides a lasting taint",
        ),
        pytest.param([], [], True, "0/0 nodes fit one pod (cpu 1, memory 1Gi): there are no nodes", id="no nodes"),
    ],
)
def test_no_room_is_explained_in_the_schedulers_words(nodes, pods, never, line):
    found = fit(nodes, pods)
    assert (found.shortage, found.never) == (line, never)


def test_nodes_say_what_binds():
    found = fit([node("a", cpu="2"), node("b", taints=[GPU_TAINT])], [on("a", WEB)])
    first, second = found.nodes
    assert (first.pods, first.binds, first.free) == (1, ("cpu",), {"cpu": 1, "memory": 7 * 2**30, "pods": 109})
    assert (second.pods, second.binds, second.blocked) == (0, ("untolerated taint {gpu: NoSchedule}",), True)


def test_a_quota_binds_before_the_nodes():
    found = fit([node()], quotas=[quota({"cpu": "10"}), quota({"pods": "5"}, {"pods": "3"}, name="small")])
    assert found.pods == 2
    assert found.notes == ("quota small leaves 2 (pods 1 each, 3 of 5 used)",)


def test_a_full_quota_leaves_nothing():
    found = fit([node()], quotas=[quota({"pods": "5"}, {"pods": "5"}, name="small")])
    assert (found.pods, found.never) == (0, False)
    assert found.shortage == "0 pods fit (cpu 1, memory 1Gi): quota small leaves 0 (pods 1 each, 5 of 5 used)"


def test_without_rights_on_nodes_the_quota_alone_is_counted():
    found = fit(None, quotas=[quota({"requests.memory": "5Gi"})])
    assert (found.pods, found.nodes) == (5, ())
    assert found.notes[-1] == "nodes may not be listed"


def test_without_rights_and_quota_nothing_can_be_told():
    with pytest.raises(ConfigError, match=r"Cannot tell what fits: nodes may not be listed, and no quota .* - grant"):
        fit(None)


def test_a_run_that_never_fits_is_told_apart_from_one_that_waits():
    with pytest.raises(NeverFitsError, match=r"0/1 nodes fit one pod .*, not even with nothing else running - lower"):
        take_share(fit([node(cpu="500m")]), 0.8, None)
    with pytest.raises(InsufficientCapacityError, match=r"0/1 nodes fit one pod .*: 1 Insufficient cpu - lower"):
        take_share(fit([node(cpu="1")], [on("a", WEB)]), 0.8, None)


def test_a_plan_says_what_bounds_it():
    found = take_share(fit([node(cpu="9")], quotas=[quota({"pods": "5"})]), 0.8, 3)
    assert (found.pods, found.fit) == (3, 5)
    assert found.reason == (
        "5 pods fit (cpu 1, memory 1Gi), share 0.8, max_pods 3; quota quota leaves 5 (pods 1 each, 0 of 5 used)"
    )


amounts = st.integers(1, 40).map(lambda tenths: f"{tenths * 100}m")


@given(st.lists(amounts, min_size=1, max_size=5), st.lists(amounts, max_size=8), amounts)
def test_more_pods_never_leave_more_room(sizes, running, wanted):
    nodes = [node(f"n{index}", cpu=cpu) for index, cpu in enumerate(sizes)]
    pods = [on(f"n{index % len(sizes)}", pod(container(cpu=cpu))) for index, cpu in enumerate(running)]
    counts = [fit(nodes, pods[:more], pod(container(cpu=wanted))).pods for more in range(len(pods) + 1)]
    assert counts == sorted(counts, reverse=True)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6)), min_size=1, max_size=6), st.integers(1, 3))
def test_spread_pods_end_where_no_order_of_placing_gets_further(sizes, max_skew):
    """Compares with placing one pod after the other wherever it may go, always on the last node first."""
    nodes = [node(f"n{index}", cpu=str(cpu), memory="99Gi") for index, (cpu, _) in enumerate(sizes)]
    small = pod(container(cpu="1m"), labels={"app": "ours"})
    pods = [on(f"n{index}", small) for index, (_, there) in enumerate(sizes) for _ in range(there)]
    counts = [there for _, there in sizes]
    free = [cpu - (1 if there else 0) for cpu, there in sizes]
    placed = 0
    while found := [i for i, room in enumerate(free) if room > 0 and counts[i] + 1 - min(counts) <= max_skew]:
        counts[found[-1]] += 1
        free[found[-1]] -= 1
        placed += 1
    template = pod(container(cpu="1"), labels={"app": "ours"}, topologySpreadConstraints=[spread(max_skew=max_skew)])
    assert fit(nodes, pods, template).pods == placed
