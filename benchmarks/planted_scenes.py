"""Scenes for `repeats.py`: what boxes a camera's model finds where rocks stand, fish live, and anemones grow; all of it known.

Two generators that share no rule: thresholds were fixed on seeds 0 to 99 of `Reef`, figures are of other seeds of `Harbour`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FISH = ("Chromis chromis", "Coris julis", "Diplodus vulgaris")
ANEMONE = "Anemonia viridis"
SIDE = 1000
"""Pixels of a picture, both ways: places are parts of it."""

DAY_S = 86_400
START = 1_767_225_600
"""2026-01-01."""


@dataclass
class Scene:
    """Boxes of several cameras, column by column."""

    image_camera: list[NDArray[np.int64]] = field(default_factory=list)
    image_time: list[NDArray[np.int64]] = field(default_factory=list)
    camera: list[NDArray[np.int64]] = field(default_factory=list)
    time: list[NDArray[np.int64]] = field(default_factory=list)
    taxon: list[NDArray[np.int64]] = field(default_factory=list)
    edges: list[NDArray[np.float64]] = field(default_factory=list)
    is_rock: list[NDArray[np.bool_]] = field(default_factory=list)

    def look(self, camera: int, times: NDArray[np.int64]) -> None:
        """Add a camera's images."""
        self.image_camera.append(np.full(len(times), camera))
        self.image_time.append(times)

    def add(
        self,
        camera: int,
        times: NDArray[np.int64],
        taxon: NDArray[np.int64],
        centre: NDArray[np.float64],
        size: NDArray[np.float64],
        *,
        rock: bool,
    ) -> None:
        """Add boxes: middle and size as parts of the picture."""
        self.camera.append(np.full(len(times), camera))
        self.time.append(times)
        self.taxon.append(taxon)
        self.edges.append(np.clip(np.hstack([centre - size / 2, centre + size / 2]), 0.0, 1.0) * SIDE)
        self.is_rock.append(np.full(len(times), rock))


Random = np.random.Generator


def reef(seed: int, days: int, every_s: int) -> Scene:
    """Four cameras on a reef: by seed some look by day alone, some all day; rocks, residents and anemones stand at random."""
    random, scene = np.random.default_rng([1, seed]), Scene()
    for camera in range(4):
        times = _times(random, days, every_s, daylight=bool(random.random() < 0.4))
        scene.look(camera, times)
        busy = _by_day(random, days)
        hour = times % DAY_S / 3600
        light = 0.3 + 0.7 * np.clip(np.sin((hour - 5) / 14 * np.pi), 0, 1)
        each = np.repeat(times, random.poisson(random.uniform(0.5, 4) * busy[(times - START) // DAY_S] * light))
        scene.add(
            camera,
            each,
            random.integers(0, 3, len(each)),
            random.uniform(0.05, 0.95, (len(each), 2)),
            _sizes(random, len(each)),
            rock=False,
        )
        for _ in range(2):
            _add_resident(random, scene, camera, times, days)
        for _ in range(random.integers(0, 4)):
            length = random.integers(5, days + 1)
            first = random.integers(0, days - length + 1)
            _add_still(
                random, scene, camera, times[_within(times, first, length)], int(random.integers(0, 3)), rock=True
            )
        _add_still(random, scene, camera, times, 3, rock=False)
    return scene


def _times(random: Random, days: int, every_s: int, *, daylight: bool) -> NDArray[np.int64]:
    """Give times of images: some days are lost, and some images."""
    times = START + np.arange(0, days * DAY_S, every_s)
    hour, day = times % DAY_S / 3600, (times - START) // DAY_S
    lost = random.random(days) < 0.03
    keep = ~lost[day] & (random.random(len(times)) < 0.98)
    return times[keep & ((hour >= 6) & (hour < 19) if daylight else True)]


def _by_day(random: Random, days: int) -> NDArray[np.float64]:
    """Give how busy days are: one is like the day before."""
    steps, found = random.normal(0, 0.4, days), np.zeros(days)
    for day in range(1, days):
        found[day] = 0.7 * found[day - 1] + steps[day]
    return np.exp(found)


def _sizes(random: Random, count: int, middle: float = 0.09) -> NDArray[np.float64]:
    size = middle * np.exp(random.normal(0, 0.4, (count, 1)))
    return np.hstack([size * np.exp(random.normal(0, 0.2, (count, 1))), size * 0.6])


def _within(times: NDArray[np.int64], first: int, length: int) -> NDArray[np.bool_]:
    day = (times - START) // DAY_S
    return (day >= first) & (day < first + length)


def _shaken(  # noqa: PLR0917 - what moves, and by how much
    random: Random, centre: Sequence[float], size: Sequence[float], count: int, moves: float, grows: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    sizes = np.array(size) * np.exp(random.normal(0, grows, (count, 2)))
    return np.array(centre) + random.normal(0, moves, (count, 2)) * np.array(size), sizes


def _add_resident(random: Random, scene: Scene, camera: int, times: NDArray[np.int64], days: int) -> None:
    """Add a fish that comes back to its place at its hours and is away in between."""
    at_hour, long_h = random.uniform(7, 17), random.uniform(1, 5)
    come = random.random(days) < 0.85
    shift = random.normal(0, 1.0, days)
    hour, day = times % DAY_S / 3600, (times - START) // DAY_S
    here = come[day] & (np.abs(hour - at_hour - shift[day]) < long_h / 2) & (random.random(len(times)) < 0.85)
    count = int(here.sum())
    centre, size = random.uniform(0.15, 0.85, 2), random.uniform(0.06, 0.15, 2)
    boxes = _shaken(random, centre, size, count, random.uniform(0.04, 0.12), 0.08)
    scene.add(camera, times[here], np.full(count, random.integers(0, 3)), *boxes, rock=False)


def _add_still(random: Random, scene: Scene, camera: int, times: NDArray[np.int64], taxon: int, *, rock: bool) -> None:
    """Add what does not move: found in a part of the images, by day alone or at every hour."""
    seen = random.random(len(times)) < random.uniform(0.25, 0.95)
    if random.random() < 0.4:
        hour = times % DAY_S / 3600
        seen &= (hour >= 6) & (hour < 19)
    count = int(seen.sum())
    boxes = _shaken(
        random, random.uniform(0.1, 0.9, 2), random.uniform(0.05, 0.2, 2), count, random.uniform(0.01, 0.04), 0.03
    )
    scene.add(camera, times[seen], np.full(count, taxon), *boxes, rock=rock)


def harbour(seed: int, days: int, every_s: int) -> Scene:
    """Four cameras in a harbour: fish crowd around a wall, schools pass, storms last for days, cables sway, fouling grows."""
    random, scene = np.random.default_rng([2, seed]), Scene()
    for camera in range(4):
        every = every_s * int(random.integers(1, 3))
        times = START + np.arange(int(random.integers(0, every)), days * DAY_S, every)
        times = times[random.random(len(times)) < random.uniform(0.9, 1.0)]
        scene.look(camera, times)
        clear = _clear_days(random, days)[(times - START) // DAY_S]
        _add_crowd(random, scene, camera, times, clear)
        for _ in range(random.integers(1, 4)):
            _add_territory(random, scene, camera, times, clear)
        for _ in range(random.integers(0, 3)):
            _add_thing(random, scene, camera, times, clear, days)
        _add_thing(random, scene, camera, times, clear, days, anemone=True)
    return scene


def _clear_days(random: Random, days: int) -> NDArray[np.float64]:
    """Give how clear the water is, 0 to 1: storms last for days."""
    level, found = 1.0, np.empty(days)
    for day in range(days):
        level = random.uniform(0.05, 0.5) if random.random() < 0.04 else level + 0.4 * (1 - level)
        found[day] = level
    return found


def _add_crowd(random: Random, scene: Scene, camera: int, times: NDArray[np.int64], clear: NDArray[np.float64]) -> None:
    """Add fish that keep near a wall, and schools: many of one kind in few images."""
    wall, wide = random.uniform(0.3, 0.7, 2), random.uniform(0.08, 0.25)
    dawn = 1 + np.cos((times % DAY_S / 3600 - 7) / 12 * np.pi) ** 2
    usual = random.gamma(1.0, 1.5, len(times)) * clear * dawn
    school = np.where(random.random(len(times)) < 0.02, random.integers(5, 30, len(times)), 0)
    each = np.repeat(times, random.poisson(usual) + school)
    count = len(each)
    near = random.random((count, 1)) < 0.6
    centre = np.where(near, random.normal(wall, wide, (count, 2)), random.random((count, 2)))
    kind = np.minimum(2, random.geometric(0.6, count) - 1)
    scene.add(camera, each, kind, np.clip(centre, 0.04, 0.96), _sizes(random, count, 0.07), rock=False)


def _add_territory(
    random: Random, scene: Scene, camera: int, times: NDArray[np.int64], clear: NDArray[np.float64]
) -> None:
    """Add a fish that holds a territory for weeks: it comes and goes in bouts, by day or night, and rests at one place in it."""
    active = random.uniform(0, 24)
    hour = times % DAY_S / 3600
    awake = np.cos((hour - active) / 12 * np.pi) > random.uniform(0.3, 0.8)
    here, at_home = np.zeros(len(times), dtype=bool), False
    leave, come = random.uniform(0.1, 0.4), random.uniform(0.1, 0.4)
    chance = random.random(len(times))
    for number in range(len(times)):
        at_home = awake[number] and (chance[number] > leave if at_home else chance[number] < come)
        here[number] = at_home
    here &= random.random(len(times)) < 0.9 * clear
    count = int(here.sum())
    boxes = _shaken(
        random, random.uniform(0.15, 0.85, 2), random.uniform(0.05, 0.14, 2), count, random.uniform(0.03, 0.15), 0.12
    )
    scene.add(camera, times[here], np.full(count, random.integers(0, 3)), *boxes, rock=False)


def _add_thing(  # noqa: PLR0917 - where and when
    random: Random,
    scene: Scene,
    camera: int,
    times: NDArray[np.int64],
    clear: NDArray[np.float64],
    days: int,
    *,
    anemone: bool = False,
) -> None:
    """Add a stone, a cable that sways or fouling that grows; how often it is found goes with light and water."""
    length = random.integers(4, days + 1)
    within = _within(times, int(random.integers(0, days - length + 1)), int(length))
    some, water = times[within], clear[within]
    hour = some % DAY_S / 3600
    light = 1 - random.uniform(0, 1) * (np.cos(hour / 12 * np.pi) > 0.2)
    seen = random.random(len(some)) < random.uniform(0.35, 1.0) * light * np.clip(water * 1.3, 0, 1)
    some = some[seen]
    count = len(some)
    centre, size = random.uniform(0.1, 0.9, 2), random.uniform(0.04, 0.2, 2)
    kind = random.integers(0, 3)
    centres, sizes = _shaken(random, centre, size, count, (0.01, 0.06, 0.02)[kind], 0.03)
    if kind == 2:  # fouling
        sizes = sizes * np.linspace(1, random.uniform(1.05, 1.3), count)[:, None]
    scene.add(camera, some, np.full(count, 3 if anemone else random.integers(0, 3)), centres, sizes, rock=not anemone)


GENERATORS: dict[str, Callable[[int, int, int], Scene]] = {"reef": reef, "harbour": harbour}
