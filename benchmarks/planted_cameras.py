"""Years of cameras for `health.py`: what pictures measure hour by hour, with and without troubles; all of it known.

Two generators that share no rule: thresholds were fixed on seeds 0 to 99 of `Shallow`, figures are of other seeds of `Deep`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

DAY_S = 86_400
START = 1_767_225_600
"""2026-01-01."""

YEAR = 365
Random = np.random.Generator
Column = NDArray[np.float64]


@dataclass
class Camera:
    """A camera's images in the order of time, one place each in every array.

    Attributes:
        taken: True times, s since 1970.
        captured: What the clock says, likewise.
        modified: Times of upload, likewise.
        luma: Mean brightness, 0 to 255.
        contrast: Its deviation.
        sharpness: Variance of the Laplacian.
        bits: 64 of the fingerprint.
        size: Bytes.
        score: Of the best box; NaN without one.
        planted: When each trouble begins and ends, by its name, s since 1970, and from when on it is more than weather.
    """

    taken: Column
    captured: Column
    modified: Column
    luma: Column
    contrast: Column
    sharpness: Column
    bits: NDArray[np.bool_]
    size: NDArray[np.int64]
    score: Column
    planted: dict[str, tuple[float, float, float]] = field(default_factory=dict)

    def within(self, first: float, last: float) -> NDArray[np.bool_]:
        """Say which images were taken in a time."""
        return (self.taken >= first) & (self.taken < last)


def shallow(seed: int, *, troubles: bool) -> Camera:
    """A camera near the surface with lamps: daylight and seasons, water that is troubled for days by an AR(1)."""
    random = np.random.default_rng([1, seed])
    taken = _times(random, 3600 // int(random.integers(1, 3)))
    day, hour = (taken - START) / DAY_S, taken % DAY_S / 3600
    water = _ar(random, YEAR, 0.7, 0.25)[day.astype(int)]
    light = np.clip(np.sin((hour - 6 + np.sin(day / YEAR * 2 * np.pi)) / 12 * np.pi), 0, 1)
    lamp = random.uniform(50, 80)
    luma = np.maximum(lamp, random.uniform(100, 150) * light * np.exp(-0.15 * np.abs(water))) + random.normal(
        0, 5, len(taken)
    )
    sharp = (
        random.uniform(80, 400)
        * (0.6 + 0.4 * light)
        * np.exp(-0.5 * np.abs(water) + 0.1 * np.cos(day / YEAR * 2 * np.pi))
    )
    camera = _finish(random, taken, luma, sharp * np.exp(random.normal(0, 0.2, len(taken))), light > 0.2, water)
    if troubles:
        _plant(random, camera, lamp)
    return camera


def deep(seed: int, *, troubles: bool) -> Camera:
    """A camera in deeper water: tides, storms that come at random and go slowly, days lost, lamps that flicker, marine snow."""
    random = np.random.default_rng([2, seed])
    taken = _times(random, int(random.choice([1200, 1800, 3600])), lost=0.05)
    day, hour = (taken - START) / DAY_S, taken % DAY_S / 3600
    storm = np.zeros(YEAR)
    for number in range(1, YEAR):
        storm[number] = (
            random.uniform(0.3, 1.2) if random.random() < 0.03 else storm[number - 1] * random.uniform(0.4, 0.8)
        )
    water = storm[day.astype(int)] + 0.15 * np.sin(taken / 44_700 * 2 * np.pi)
    light = np.clip(np.cos((hour - 12) / 24 * 2 * np.pi), 0, 1) ** 1.5 * (1 + 0.3 * np.sin(day / YEAR * 2 * np.pi))
    lamp = random.uniform(40, 110)
    luma = lamp * random.gamma(60, 1 / 60, len(taken)) + random.uniform(20, 60) * light * np.exp(-water)
    sharp = random.uniform(40, 900) * np.exp(-0.9 * np.clip(water, 0, None)) * random.gamma(12, 1 / 12, len(taken))
    sharp *= np.exp(0.15 * np.sin(day / 90 * 2 * np.pi + random.uniform(0, 6)))
    camera = _finish(random, taken, luma, sharp, light > 0.3, water)
    if troubles:
        _plant(random, camera, lamp)
    return camera


def _times(random: Random, every_s: int, lost: float = 0.02) -> Column:
    taken = START + np.arange(int(random.integers(0, every_s)), YEAR * DAY_S, every_s).astype(float)
    gone = random.random(YEAR) < lost
    keep = ~gone[((taken - START) // DAY_S).astype(int)] & (random.random(len(taken)) > lost)
    return taken[keep]


def _ar(random: Random, count: int, kept: float, spread: float) -> Column:
    found = np.zeros(count)
    for number in range(1, count):
        found[number] = kept * found[number - 1] + random.normal(0, spread)
    return found


def _finish(  # noqa: PLR0917 - columns
    random: Random, taken: Column, luma: Column, sharp: Column, by_day: NDArray[np.bool_], water: Column
) -> Camera:
    """Add what else an image measures: fingerprints of a scene that is another one by night, sizes, scores, uploads."""
    count = len(taken)
    chance = np.where(by_day[:, None], _scene(random), _scene(random))
    trouble = np.clip(np.abs(water), 0, 1)[:, None]
    bits = random.random((count, 64)) < chance * (1 - 0.4 * trouble) + 0.2 * trouble
    score = np.clip(0.65 - 0.08 * np.abs(water) + random.normal(0, 0.12, count), 0.25, 0.98)
    score[random.random(count) < 0.4] = np.nan
    return Camera(
        taken,
        taken.copy(),
        taken + random.gamma(2, 20, count),
        np.clip(luma, 2, 250),
        np.clip(luma * 0.3 + random.normal(0, 2, count), 4, None),
        sharp,
        bits,
        (400_000 + 800 * np.sqrt(sharp) * random.uniform(0.8, 1.2, count)).astype(np.int64),
        score,
    )


def _scene(random: Random) -> Column:
    """Give how often each bit is set: most are firm, some hang in the balance."""
    return np.where(
        random.random(64) < 0.75, np.where(random.random(64) < 0.5, 0.96, 0.04), random.uniform(0.1, 0.9, 64)
    )


def _plant(random: Random, camera: Camera, lamp: float) -> None:
    """Plant one of each trouble, in an order by chance, with a month of peace between any two."""
    kinds = ["fouling", "lights", "moved", "frozen", "clock", "scores"]
    random.shuffle(kinds)
    for number, kind in enumerate(kinds):
        first = START + (25 + number * 57 + random.integers(0, 4)) * DAY_S
        long_days = int(random.integers(12, 22))
        camera.planted[kind] = PLANTED[kind](random, camera, float(first), long_days * DAY_S, lamp)


def _foul(random: Random, camera: Camera, first: float, _: float, __: float) -> tuple[float, float, float]:
    """Let a film grow until the lens is cleaned; it is more than weather when half of the sharpness is gone."""
    lasts = random.uniform(24, 34) * DAY_S
    rate = random.uniform(12, 25) * DAY_S
    here = camera.within(first, first + lasts)
    camera.sharpness[here] *= np.exp(-(camera.taken[here] - first) / rate)
    camera.contrast[here] *= np.exp(-(camera.taken[here] - first) / rate / 3)
    return first, first + lasts, first + rate * np.log(2)


def _fail_lamps(random: Random, camera: Camera, first: float, lasts: float, lamp: float) -> tuple[float, float, float]:
    here = camera.within(first, first + lasts)
    camera.luma[here] = np.clip(
        camera.luma[here] - lamp * random.uniform(0.8, 1.0) * (camera.luma[here] < lamp * 1.15), 2, None
    )
    return first, first + lasts, first


def _move(random: Random, camera: Camera, first: float, _: float, __: float) -> tuple[float, float, float]:
    """Turn it for good: half of what it saw and more is another scene."""
    here = camera.taken >= first
    others = random.random(64) < random.uniform(0.4, 0.9)
    new = random.random((int(here.sum()), 64)) < _scene(random)
    camera.bits[here] = np.where(others, new, camera.bits[here])
    return first, camera.taken[-1] + 1, first


def _freeze(random: Random, camera: Camera, first: float, _: float, __: float) -> tuple[float, float, float]:
    lasts = float(random.uniform(0.5, 4) * DAY_S)
    if not np.any(camera.within(first, first + lasts)):  # lost days: it freezes when it takes pictures again
        first = float(camera.taken[np.searchsorted(camera.taken, first)])
    here = np.flatnonzero(camera.within(first, first + lasts))
    for column in (camera.luma, camera.contrast, camera.sharpness, camera.bits, camera.size):
        column[here] = column[here[0]]
    return first, first + lasts, first


def _jump(random: Random, camera: Camera, first: float, _: float, __: float) -> tuple[float, float, float]:
    by = float(random.choice([-3600, 3600, 7200, -86_400, 1234, -40 * 60, 5 * DAY_S]))
    camera.captured[camera.taken >= first] += by
    return first, camera.taken[-1] + 1, first


def _lose_scores(random: Random, camera: Camera, first: float, lasts: float, _: float) -> tuple[float, float, float]:
    here = camera.within(first, first + lasts)
    camera.score[here] = np.clip(camera.score[here] - random.uniform(0.15, 0.3), 0.25, None)
    return first, first + lasts, first


PLANTED: Mapping[str, Callable[[Random, Camera, float, float, float], tuple[float, float, float]]] = {
    "fouling": _foul,
    "lights": _fail_lamps,
    "moved": _move,
    "frozen": _freeze,
    "clock": _jump,
    "scores": _lose_scores,
}
GENERATORS: dict[str, Callable[..., Camera]] = {"shallow": shallow, "deep": deep}
