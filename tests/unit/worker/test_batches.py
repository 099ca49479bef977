"""How many images go together, and which: by number, by time, by memory, by shape."""

import pytest

from shoal_worker.loop.batches import MEASURED, WARM_UP, Batches, Memory, choose, is_enough

MIB = 1 << 20
ROOM = Memory(lambda: 0, lambda: 1e12)
WIDE, TALL = (384, 640, 3), (640, 384, 3)


def measure(batches, seconds):
    """Let it have as many full batches as it measures, each image of so many seconds."""
    for _ in range(WARM_UP + MEASURED):
        batches.note(batches.size, seconds * batches.size)
    return batches.size


@pytest.mark.parametrize(
    ("wanted", "most", "size"),
    [
        pytest.param(1, None, 1, id="nobody asked for more"),
        pytest.param(6, None, 6, id="as many as were asked for"),
        pytest.param(6, 1, 1, id="the graph takes one"),
        pytest.param(6, 4, 4, id="the graph always takes four"),
        pytest.param(2, 4, 2, id="fewer than the graph takes: the rest is empty"),
        pytest.param("auto", 4, 4, id="a fixed batch costs as much with one image"),
        pytest.param("auto", 1, 1, id="auto, and the graph takes one"),
        pytest.param("auto", None, 1, id="auto begins with one"),
    ],
)
def test_the_first_size_is_what_was_asked_for_as_far_as_the_graph_takes_it(wanted, most, size):
    assert Batches(wanted, most, ROOM).size == size


def test_auto_doubles_as_long_as_an_image_gets_faster_and_goes_back_when_it_does_not():
    batches = Batches("auto", None, ROOM)
    assert [measure(batches, seconds) for seconds in (1.0, 0.6, 0.4, 0.39)] == [2, 4, 8, 4]
    assert measure(batches, 0.1) == 4, "what was found once is kept"


def test_auto_stays_with_one_where_two_are_not_faster_as_on_a_cpu():
    batches = Batches("auto", None, ROOM)
    assert [measure(batches, 1.0), measure(batches, 0.97), measure(batches, 0.1)] == [2, 1, 1]


def test_auto_ends_at_sixty_four():
    batches = Batches("auto", None, ROOM)
    assert [measure(batches, 1 / 2**step) for step in range(7)] == [2, 4, 8, 16, 32, 64, 64]


def test_the_first_batch_of_a_size_is_not_measured_and_the_fastest_of_the_others_counts():
    batches = Batches("auto", None, ROOM)
    for seconds in (9.0, 1.0, 1.0, 1.0):
        batches.note(1, seconds)
    for seconds in (99.0, 8.0, 1.0, 8.0):  # half a second an image at best
        batches.note(2, seconds)
    assert batches.size == 4


def test_batches_that_are_not_full_say_nothing():
    batches = Batches("auto", None, ROOM)
    measure(batches, 1.0)
    for _ in range(20):
        batches.note(1, 0.001)
    assert batches.size == 2


@pytest.mark.parametrize(
    ("free_mib", "sizes"),
    [
        pytest.param(1000, [2, 4, 8], id="room for each step"),
        pytest.param(300, [2, 2, 2], id="the second step took 100 MiB, twice that is more than half of what is free"),
        pytest.param(None, [2, 4, 8], id="the system does not say: it backs off when there was none"),
    ],
)
def test_auto_takes_a_step_only_into_memory_that_is_free(free_mib, sizes):
    peaks = iter([100, 150, 250, 450])  # MiB: before the first image, after batches of one, two, four
    memory = Memory(lambda: next(peaks) * MIB, lambda: None if free_mib is None else free_mib * MIB)
    batches = Batches("auto", None, memory)
    assert [measure(batches, 1 / 2**step) for step in range(3)] == sizes


def test_after_a_batch_without_room_half_of_it_is_taken_for_good_of_frames_of_that_size():
    batches = Batches(8, None, ROOM)
    assert batches.shrink(8, WIDE)
    assert (batches.size_of(WIDE), batches.size_of(TALL)) == (4, 8)
    assert (choose([WIDE] * 8, batches), choose([TALL] * 8, batches)) == ([0, 1, 2, 3], [*range(8)])
    assert is_enough([WIDE] * 4, batches)
    assert not is_enough([TALL] * 4, batches)
    for images in (4, 2, 1):
        batches.shrink(images, WIDE)
    assert (batches.size_of(WIDE), batches.size_of(TALL)) == (1, 8)


def test_auto_grows_by_frames_that_there_is_room_for():
    batches = Batches("auto", None, ROOM)
    assert measure(batches, 1.0) == 2
    batches.shrink(2, WIDE)
    assert (measure(batches, 0.5), batches.size_of(WIDE), batches.size_of(TALL)) == (4, 1, 4)


def test_a_fixed_batch_does_not_shrink_and_is_given_up_with_what_that_costs(caplog):
    batches = Batches(4, 4, ROOM)
    assert not batches.shrink(4, WIDE)
    assert batches.size_of(WIDE) == 4
    batches.give_up("they differ")
    assert batches.size_of(WIDE) == 1
    [said] = caplog.messages
    assert (
        "one by one, each at the cost of the 4 that the file always takes: they differ - export it with batch=1" in said
    )


@pytest.mark.parametrize(
    ("shapes", "size", "chosen"),
    [
        pytest.param([WIDE, WIDE, WIDE], 3, [0, 1, 2], id="all of one size"),
        pytest.param([WIDE, TALL, WIDE, WIDE], 3, [0, 2, 3], id="frames of one size only"),
        pytest.param([TALL, WIDE, WIDE, WIDE], 3, [0], id="the first one goes, whatever waits behind it"),
        pytest.param([WIDE] * 7, 8, [0, 1, 2, 3], id="not full: a power of two"),
        pytest.param([WIDE] * 7, 6, [0, 1, 2, 3, 4, 5], id="full, whatever number that is"),
        pytest.param([None, WIDE, None, WIDE], 2, [1, 3], id="what has its row already is not looked at"),
        pytest.param([None], 2, [], id="nothing to be looked at"),
    ],
)
def test_what_goes_together_has_one_size_and_begins_with_what_came_first(shapes, size, chosen):
    assert choose(shapes, Batches(size, None, ROOM)) == chosen


def test_a_fixed_batch_takes_any_number():
    assert choose([WIDE] * 3, Batches(4, 4, ROOM)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("shapes", "enough"),
    [
        pytest.param([WIDE], False, id="one of two"),
        pytest.param([WIDE, TALL, WIDE], True, id="two of a size"),
        pytest.param([WIDE, TALL, TALL], False, id="two, not of the first one's size"),
        pytest.param([WIDE, TALL, TALL, TALL], True, id="as many wait as may"),
    ],
)
def test_no_more_is_waited_for_than_a_batch_of_the_first_one(shapes, enough):
    assert is_enough(shapes, Batches(2, None, ROOM)) is enough
