"""What a pod asks for: the cases of Kubernetes' own helper, and its rounding."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduling.objects import container, pod
from shoal.capacity.scheduler.requests import pod_limits, pod_requests, scheduler_units


def init(name, **requests):
    return container(name, **requests)


def sidecar(name, **requests):
    return container(name, sidecar=True, **requests)


def resized(*, wants, has, allotted, reason=None):
    """A running pod whose container is resized in place."""
    status = {"containerStatuses": [{"name": "main", "resources": {"requests": has}, "allocatedResources": allotted}]}
    if reason:
        status["conditions"] = [{"type": "PodResizePending", "status": "True", "reason": reason}]
    return pod(container(**wants), status=status)


@pytest.mark.parametrize(
    ("a_pod", "cpu"),
    [
        pytest.param(pod(container(cpu="1"), container("b", cpu="500m")), "1.5", id="containers are summed"),
        pytest.param(pod(container(cpu="1"), inits=[init("i", cpu="3")]), "3", id="a larger init container counts"),
        pytest.param(pod(container(cpu="3"), inits=[init("i", cpu="1")]), "3", id="a smaller one does not"),
        pytest.param(
            pod(container(cpu="1"), inits=[init("i", cpu="2"), init("j", cpu="3")]), "3", id="inits run one by one"
        ),
        pytest.param(pod(container(cpu="1"), inits=[sidecar("s", cpu="2")]), "3", id="a sidecar is summed"),
        pytest.param(
            pod(container(cpu="1"), inits=[sidecar("s", cpu="2"), init("i", cpu="4")]),
            "6",
            id="an init container runs beside the sidecars before it",
        ),
        pytest.param(
            pod(container(cpu="1"), inits=[init("i", cpu="4"), sidecar("s", cpu="2")]),
            "4",
            id="not beside those after it",
        ),
        pytest.param(
            pod(container(cpu="1"), inits=[sidecar("s", cpu="2"), sidecar("t", cpu="3")]),
            "6",
            id="sidecars are summed with each other",
        ),
        pytest.param(pod(container(cpu="1"), overhead={"cpu": "250m"}), "1.25", id="overhead comes on top"),
        pytest.param(
            pod(container(cpu="1"), inits=[init("i", cpu="3")], resources={"requests": {"cpu": "2"}}),
            "2",
            id="requests of the pod replace the sum",
        ),
        pytest.param(
            pod(container(cpu="1"), resources={"requests": {"cpu": "2"}}, overhead={"cpu": "1"}),
            "3",
            id="overhead comes on top of requests of the pod",
        ),
        pytest.param(pod(container(limits={"cpu": "2"})), "2", id="a limit alone is a request"),
        pytest.param(pod(container(cpu="1", limits={"cpu": "2"})), "1", id="a request below its limit stays"),
        pytest.param(
            resized(wants={"cpu": "1"}, has={"cpu": "2"}, allotted={"cpu": "1500m"}),
            "2",
            id="a shrinking container counts with what it has",
        ),
        pytest.param(
            resized(wants={"cpu": "3"}, has={"cpu": "1"}, allotted={"cpu": "1"}),
            "3",
            id="a growing one with what it wants",
        ),
        pytest.param(
            resized(wants={"cpu": "3"}, has={"cpu": "1"}, allotted={"cpu": "2"}, reason="Infeasible"),
            "2",
            id="not when that is infeasible",
        ),
        pytest.param(
            resized(wants={"cpu": "3"}, has={"cpu": "1"}, allotted={"cpu": "1"}, reason="Deferred"),
            "3",
            id="but when it is deferred",
        ),
        pytest.param(pod({"name": "main"}), None, id="no requests at all"),
    ],
)
def test_requests_of_a_pod(a_pod, cpu):
    assert pod_requests(a_pod).get("cpu") == (None if cpu is None else Decimal(cpu))


def test_requests_of_the_pod_replace_only_what_they_name():
    a_pod = pod(container(cpu="1", memory="1Gi"), resources={"requests": {"cpu": "2"}})
    assert pod_requests(a_pod) == {"cpu": 2, "memory": 2**30}


def test_extended_resources_are_summed_like_any_other():
    gpu = {"nvidia.com/gpu": "1"}
    assert pod_requests(pod(container(**gpu), container("b", **gpu)))["nvidia.com/gpu"] == 2


@pytest.mark.parametrize(
    ("a_pod", "cpu"),
    [
        pytest.param(pod(container(limits={"cpu": "1"}), overhead={"cpu": "1"}), "2", id="overhead on a limit"),
        pytest.param(pod(container(cpu="1"), overhead={"cpu": "1"}), None, id="no limit, no overhead"),
        pytest.param(
            pod(container(limits={"cpu": "1"}), resources={"limits": {"cpu": "4"}}), "4", id="limits of the pod"
        ),
    ],
)
def test_limits_of_a_pod(a_pod, cpu):
    assert pod_limits(a_pod).get("cpu") == (None if cpu is None else Decimal(cpu))


@pytest.mark.parametrize(
    ("name", "amount", "units"),
    [
        pytest.param("cpu", "0.0001", 1, id="a tenth of a millicore is one"),
        pytest.param("cpu", "1.5", 1500, id="cores are thousands"),
        pytest.param("memory", "0.5", 1, id="half a byte is one"),
        pytest.param("memory", "1E+18", 10**18, id="an exabyte"),
        pytest.param("nvidia.com/gpu", "2", 2, id="pieces"),
    ],
)
def test_the_scheduler_rounds_up(name, amount, units):
    assert scheduler_units({name: Decimal(amount)}) == {name: units}


quantities = st.integers(0, 4000).map(lambda milli: f"{milli}m")
containers = st.lists(quantities, min_size=1, max_size=3)
inits = st.lists(st.tuples(quantities, st.booleans()), max_size=4)


@given(containers, inits)
def test_a_pod_gets_what_it_needs_at_every_moment_and_no_more(main, before):
    """Simulates the start: each init container runs beside the sidecars already started, then everything together."""
    a_pod = pod(
        *(container(f"c{index}", cpu=cpu) for index, cpu in enumerate(main)),
        inits=[container(f"i{index}", cpu=cpu, sidecar=stays) for index, (cpu, stays) in enumerate(before)],
    )
    running, moments = 0, []
    for cpu, stays in before:
        moments.append(running + int(cpu[:-1]))
        running += int(cpu[:-1]) if stays else 0
    moments.append(running + sum(int(cpu[:-1]) for cpu in main))
    assert scheduler_units(pod_requests(a_pod))["cpu"] == max(moments)
