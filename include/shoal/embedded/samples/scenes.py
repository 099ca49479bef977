"""Underwater photos of two cameras over five days, generated together with their truth.

The fish are flat-coloured on purpose: `demo_model` finds them by colour, so the truth of every photo is also
what the demo must count. A photo's key is its seed: the same key gives the same bytes.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from math import cos, exp, pi, radians, sin
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 1280, 720
CAMERAS = ("IPC608", "IPC710")

Image = NDArray[np.uint8]
"""(height, width, 3) uint8, RGB until it is encoded."""
Floats = NDArray[np.float64]
"""An RGB colour (3,), or (N, 2) x, y with y down: a fish is 1 long and swims to the right until it is placed."""
Box = tuple[float, float, float, float]
"""`xyxy`, pixels of the image, origin top left."""


class Look(NamedTuple):
    """How one species is drawn.

    Attributes:
        rgb: Body colour, what the demo model looks for.
        lengths: Shortest and longest fish, pixels from nose to tail.
        height: Height of the body, in fish lengths.
        fork: Depth of the notch in the tail, in fish lengths.
        bars: Where along the body dark bars run, in fish lengths.
        lines: How high dark lines run along the body, in half heights: -1 is the back, 1 the belly.
    """

    rgb: tuple[int, int, int]
    lengths: tuple[int, int]
    height: float
    fork: float
    bars: tuple[float, ...] = ()
    lines: tuple[float, ...] = ()


LOOKS: dict[str, Look] = {
    "Diplodus vulgaris": Look((250, 200, 175), (105, 165), height=0.44, fork=0.10, bars=(0.26, -0.25)),
    "Chromis chromis": Look((130, 50, 165), (64, 104), height=0.42, fork=0.15),
    "Coris julis": Look((240, 100, 35), (110, 165), height=0.24, fork=0.02, lines=(-0.15,)),
    "Sarpa salpa": Look((255, 195, 40), (105, 160), height=0.36, fork=0.12, lines=(-0.4, -0.05, 0.3)),
}


@dataclass(frozen=True)
class Fish:
    """One fish as drawn: its species and the box around all of it."""

    species: str
    xyxy: Box


@dataclass(frozen=True)
class Scene:
    """One photo and every fish in it."""

    key: str
    jpeg: bytes
    fish: tuple[Fish, ...]


def demo_scenes() -> Iterator[Scene]:
    """Generate the demo's 117 photos: two cameras, five days, one photo every two hours.

    IPC710 was away for maintenance on 4 June from 10 to 16 h UTC: three photos do not exist.
    """
    for camera in CAMERAS:
        for step in range(5 * 12):
            taken = datetime(2026, 6, 1, tzinfo=UTC) + timedelta(hours=2 * step)
            away = camera == "IPC710" and taken.day == 4 and 10 <= taken.hour < 16
            if not away:
                yield demo_scene(camera, taken)


def demo_scene(camera: str, taken: datetime) -> Scene:
    """Generate the photo one camera took at one time (UTC)."""
    return scene(f"{camera}/{taken:%Y%m%d-%H%M%S}-{camera}.jpg", abundance(camera, taken), daylight(taken))


def daylight(taken: datetime) -> float:
    """Return the light in the water, 0 at night to 1 at noon, for a June day at 41° N (sun up 4 to 20 h UTC)."""
    return max(0.0, sin(pi * (taken.hour + taken.minute / 60 - 4) / 16))


def abundance(camera: str, taken: datetime) -> dict[str, float]:
    """Return the mean number of fish per photo by species: the rhythm that the demo's plots show.

    Diplodus feeds at dawn and dusk, Chromis schools by day, Coris sleeps in the sand at night, and a herd of
    Sarpa comes on the third day, to the meadow in front of IPC710 alone.
    """
    light, reef = daylight(taken), camera == "IPC608"
    twilight = sum(exp(-(((taken.hour - hour) / 2.5) ** 2)) for hour in (6, 19))
    return {
        "Diplodus vulgaris": (0.3 + 3.2 * twilight) * (1.0 if reef else 0.6),
        "Chromis chromis": light * (7.0 if reef else 2.5),
        "Coris julis": light**0.5 * (1.2 if reef else 1.8) if light else 0.0,
        "Sarpa salpa": 0.0 if reef or taken.day < 3 else light * (2.0 + 1.5 * (taken.day - 3)),
    }


def scene(key: str, means: Mapping[str, float], light: float = 1.0) -> Scene:
    """Generate one photo.

    Args:
        key: Object key of the photo, and its seed.
        means: Mean number of fish by species, a key of `LOOKS`; the numbers drawn are Poisson around it.
        light: 0 at night to 1 at noon.

    Returns:
        The photo, 1280x720 JPEG, with the fish that found room: fewer than drawn where it is crowded.
    """
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big"))
    image = _water(rng, light)
    _seabed(image, rng, light)
    fish: list[Fish] = []
    for species, mean in means.items():
        for _ in range(rng.poisson(mean)):
            _add_fish(image, fish, species, rng)
    return Scene(key, _jpeg(image, rng), tuple(fish))


def _add_fish(image: Image, fish: list[Fish], species: str, rng: np.random.Generator) -> None:
    """Turn and place one fish where it is in nobody's way, or none if 40 places are taken."""
    look = LOOKS[species]
    for _ in range(40):
        length, tilt, facing = rng.integers(*look.lengths), radians(rng.uniform(-12, 12)), rng.choice((-1, 1))
        centre: Floats = rng.uniform((0, 0), (WIDTH, HEIGHT * 0.92))
        turn: Floats = length * np.array([[facing * cos(tilt), facing * sin(tilt)], [-sin(tilt), cos(tilt)]])
        outline = np.concatenate(_outline(look)) @ turn + centre
        box = (*outline.min(axis=0).tolist(), *outline.max(axis=0).tolist())
        if _has_room(Fish(species, box), fish):
            _draw_fish(image, look, turn, centre)
            fish.append(Fish(species, box))
            return


def _has_room(new: Fish, fish: list[Fish]) -> bool:
    """Tell whether a fish is whole in the frame, hides none and is out of the model's windows of its kin."""
    left, top, right, bottom = new.xyxy
    if left < 4 or top < 4 or right > WIDTH - 4 or bottom > HEIGHT - 4:
        return False
    for other in fish:
        # The model looks 120x72 px around a cell, and a cell is 16 px wide here.
        gap_x, gap_y = (136, 88) if other.species == new.species else (12, 12)
        x1, y1, x2, y2 = other.xyxy
        if left < x2 + gap_x and right > x1 - gap_x and top < y2 + gap_y and bottom > y1 - gap_y:
            return False
    return True


def _outline(look: Look) -> tuple[Floats, Floats, Floats]:
    """Return the tail, the back fin and the body, round at the head and pointed at the tail."""
    half, tip = look.height / 2, look.height * 0.42
    tail = np.array([(-0.22, 0.02), (-0.5, tip), (-0.5 + look.fork, 0), (-0.5, -tip), (-0.22, -0.02)])
    x, arch = np.linspace(0.28, -0.24, 12), np.sin(np.linspace(0.5, pi - 0.2, 12))
    fin = np.stack([x, -half * (0.4 + 0.85 * arch)], axis=1)
    angle = np.linspace(0, 2 * pi, 48)
    body = np.stack([0.1 + 0.4 * np.cos(angle), half * np.sin(angle) * (0.85 + 0.15 * np.cos(angle))], axis=1)
    return tail, fin, body


def _draw_fish(image: Image, look: Look, turn: Floats, centre: Floats) -> None:
    def paint(shape: Floats, colour: Floats) -> None:
        _fill(image, shape @ turn + centre, colour)

    rgb, half, angle = np.array(look.rgb, float), look.height / 2, np.linspace(0, 2 * pi, 16)
    # Shades stay within the colour tolerance of the demo model. All else is darker: white beside gold, blurred by
    # the JPEG, would be the colour of Diplodus.
    tail, fin, body = _outline(look)
    paint(tail, rgb * 0.9)
    paint(fin, rgb * 0.88)
    paint(body, rgb)
    paint(body[body[:, 1] < -half * 0.45], rgb * 0.93)
    for y in look.lines:
        line = [(0.28, y - 0.08), (-0.2, y - 0.05), (-0.2, y + 0.05), (0.28, y + 0.08)]
        paint(np.array(line) * (1, half), rgb * 0.78)
    for x in look.bars:
        reach = half * 0.95 * (1 - ((x - 0.1) / 0.4) ** 2) ** 0.5
        bar = [(x - 0.025, -reach), (x + 0.025, -reach), (x + 0.02, reach), (x - 0.02, reach)]
        paint(np.array(bar), np.array((50.0, 45.0, 50.0)))
    paint(np.array([(0.2, 0), (0.04, half * 0.2), (0.08, half * 0.6)]), rgb * 0.89)
    disc = np.stack([np.cos(angle), np.sin(angle)], axis=1) * half
    paint(0.2 * disc + (0.38, -half * 0.16), np.full(3, 20.0))
    paint(0.07 * disc + (0.39, -half * 0.24), np.full(3, 170.0))


def _fill(image: Image, polygon: Floats, rgb: Floats) -> None:
    sixteenths = np.round((polygon - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(image, [sixteenths], rgb.tolist(), cv2.LINE_AA, shift=4)


def _water(rng: np.random.Generator, light: float) -> Image:
    """Paint depth, rays of light and murk, at a quarter of the size: that is fast and blurs them."""
    small_w, small_h = WIDTH // 4, HEIGHT // 4
    down = np.linspace(0, 1, small_h)[:, None, None]
    day = (1 - down) * np.array((95, 190, 205)) + down * np.array((12, 72, 112))
    night = (1 - down) * np.array((6, 26, 44)) + down * np.array((10, 40, 52))
    soft = np.broadcast_to(night + (day - night) * light**0.7, (small_h, small_w, 3)).astype(np.float32).copy()
    rays = np.zeros((small_h, small_w), np.float32)
    for x in rng.uniform(-40, small_w + 40, 9):
        width, lean = rng.uniform(4, 16), rng.uniform(20, 60)
        ray = [(x, -1), (x + width, -1), (x + 3 * width + lean, small_h), (x + lean, small_h)]
        cv2.fillPoly(rays, [np.array(ray, np.int32)], float(rng.uniform(15, 42)))
    soft += cv2.GaussianBlur(rays, (0, 0), 4)[..., None] * (1 - down**0.6) * (0.55, 1.0, 0.9) * light
    soft += cv2.resize(rng.normal(0, 4, (6, 10)), (small_w, small_h), interpolation=cv2.INTER_CUBIC)[..., None]
    return np.asarray(np.clip(cv2.resize(soft, (WIDTH, HEIGHT)), 0, 255), np.uint8)


def _seabed(image: Image, rng: np.random.Generator, light: float) -> None:
    """Paint hills in the haze, then sand, then seagrass."""
    x, shade, phase = np.linspace(0, WIDTH, 60), 0.25 + 0.75 * light, rng.uniform(0, 6, 2)
    for base, swell, tone in ((0.84, 60, (42, 108, 130)), (0.9, 32, (30, 82, 98)), (0.95, 14, (56, 96, 96))):
        hills = np.sin(x / 190 + phase[0] + 40 * base) * np.sin(x / 83 + phase[1]) + 0.1 * np.sin(x / 17)
        ridge = np.stack([x, HEIGHT * base - swell * hills], axis=1)
        ground = np.concatenate([ridge, [(WIDTH, HEIGHT), (0, HEIGHT)]])
        _fill(image, ground, np.array(tone) * shade)
    for root in rng.uniform(0, WIDTH, 90):
        tall, sway, wide = rng.uniform((25, -14, 3), (80, 22, 6))
        x1, y1, tip = root + sway * 0.3, HEIGHT - tall * 0.6, (root + sway, HEIGHT - tall)
        blade = [(root - wide, HEIGHT), (x1, y1), tip, (x1 + wide, y1), (root + wide, HEIGHT)]
        _fill(image, np.array(blade), np.array((14, 62, 52)) * shade * rng.uniform(0.7, 1.3))


def _jpeg(image: Image, rng: np.random.Generator) -> bytes:
    """Add drifting particles and sensor noise, and encode."""
    for x, y, radius in rng.uniform((0, 0, 0.5), (WIDTH, HEIGHT, 1.6), (60, 3)):
        tone = [min(255.0, float(value) + 40) for value in image[int(y), int(x)]]
        cv2.circle(image, (int(16 * x), int(16 * y)), int(16 * radius), tone, -1, cv2.LINE_AA, shift=4)
    top, left = rng.integers(0, 200, 2)
    grainy = np.clip(image + _grain()[top : top + HEIGHT, left : left + WIDTH], 0, 255).astype(np.uint8)
    return bytes(cv2.imencode(".jpg", grainy[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])[1])


@cache
def _grain() -> NDArray[np.int16]:
    """One large tile to cut photos' noise from: drawing a million numbers for each takes too long."""
    return np.random.default_rng(0).normal(0, 2.5, (HEIGHT + 200, WIDTH + 200, 1)).round().astype(np.int16)
