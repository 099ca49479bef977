import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.capacity.share import ROUNDED, Fit, NodeFit, NodeHeadroom, fit_node, plan_capacity, take_share
from shoal.contract.errors import ConfigError, InsufficientCapacityError
from shoal.contract.units import parse_duration, parse_quantity
from shoal.engines.local.machine import read_headroom

GIB = 1024**3
POD = {"cpu": 1.0, "memory": 2.0 * GIB}


def node(cpu, memory_gib, name="n"):
    return NodeHeadroom(name, {"cpu": cpu, "memory": memory_gib * GIB})


@pytest.mark.parametrize(
    ("nodes", "fit"),
    [
        pytest.param([node(1.0, 2)], 1, id="exact fit fits"),
        pytest.param([node(0.999, 2)], 0, id="a little less does not"),
        pytest.param([node(1.5, 8), node(1.5, 8)], 2, id="two half-empty nodes do not add up to one pod"),
        pytest.param([node(8, 4)], 2, id="the scarcer resource binds"),
        pytest.param([node(-1, 4), node(2, 4)], 2, id="an overcommitted node takes nothing"),
        pytest.param([NodeHeadroom("n", {"cpu": 4.0})], 0, id="a resource the node does not have"),
    ],
)
def test_pods_that_fit(nodes, fit):
    assert sum(fit_node(each, POD).pods for each in nodes) == fit


@pytest.mark.parametrize(
    ("fit", "share", "max_pods", "pods"),
    [
        pytest.param(10, 0.8, None, 8, id="the share is rounded down"),
        pytest.param(1, 0.1, None, 1, id="one pod at least when one fits"),
        pytest.param(10, 1.0, 3, 3, id="max_pods caps"),
    ],
)
def test_a_run_takes_its_share(fit, share, max_pods, pods):
    assert plan_capacity([node(fit, 100)], POD, share, max_pods).pods == pods


def test_no_room_says_what_is_short_on_how_many_nodes():
    nodes = [node(0.5, 8, "a"), node(0.5, 8, "b"), node(4, 1, "c")]
    with pytest.raises(
        InsufficientCapacityError,
        match=r"0/3 nodes fit one pod \(cpu 1, memory 2Gi\): 2 Insufficient cpu, 1 Insufficient memory - ",
    ):
        plan_capacity(nodes, POD, 0.8, None)


@given(st.lists(st.tuples(st.floats(0, 64), st.integers(0, 256 * GIB)), min_size=1, max_size=8))
def test_what_fits_really_fits_and_one_more_does_not(sizes):
    """Memory is whole bytes, as nodes tell it."""
    for cpu, memory_bytes in sizes:
        memory = memory_bytes / GIB
        found = fit_node(node(cpu, memory), POD)
        assert found.pods * POD["cpu"] <= cpu + ROUNDED
        assert found.pods * POD["memory"] <= memory * GIB
        assert (found.pods + 1) * POD["cpu"] > cpu or (found.pods + 1) * POD["memory"] > memory * GIB


def test_nodes_are_not_named_where_a_quota_binds():
    node = NodeFit("n", 5, ("cpu",), {"cpu": 5.0})
    found = take_share(Fit(2, (node,), {"cpu": 1.0}, notes=("quota q leaves 2",)), share=1.0, max_pods=None)
    assert found.reason == "2 pods fit (cpu 1), share 1; quota q leaves 2"


def test_this_machine_has_cores_and_memory():
    free = read_headroom().free
    assert free["cpu"] >= 1
    assert free["memory"] > 0


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("500m", 0.5),
        ("2Gi", 2 * GIB),
        ("1.5", 1.5),
        ("2G", 2_000_000_000),
        ("100k", 100_000),
        (2, 2),
        ("1e3", 1000),
        ("2E", 2e18),
        ("250u", 0.00025),
        ("5n", 5e-9),
    ],
)
def test_quantities(text, value):
    assert float(parse_quantity(text)) == pytest.approx(value)


@pytest.mark.parametrize("text", ["2GB", "two", "", "1.2.3", "-1", "1e", "2ki"])
def test_bad_quantities_are_refused(text):
    with pytest.raises(ConfigError, match="Invalid quantity"):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("4h", 14400), ("1.5h", 5400), ("2d", 172800)]
)
def test_durations(text, seconds):
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["4", "4 hours", "h", "-4h"])
def test_bad_durations_are_refused(text):
    with pytest.raises(ConfigError, match=r"Invalid duration .* - write a number and a unit, such as 90s"):
        parse_duration(text)
