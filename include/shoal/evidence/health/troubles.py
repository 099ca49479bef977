"""Troubles that a camera's days show: a lens that fouls, lamps that fail, a camera that was moved, scores that fall.

A step is one where every one of three days lies below every one of up to fourteen before (Mann and Whitney), and by a size that
weather does not have. What falls slowly has a trend by ranks (Mann and Kendall) and no step that is most of it.
"""

from collections.abc import Iterator
from math import exp, log

import numpy as np

from shoal.contract.units import counted
from shoal.evidence.health.days import BLOCKS, CameraDays, day_start
from shoal.evidence.health.finding import Finding, Trouble
from shoal.evidence.health.statistics import Series, falls_by_rank, lower_share, slope

AFTER, BEFORE, FEWEST_BEFORE = 3, 14, 7
"""Days of images after and before a step, and how many there must be before it."""

FOULING_WINDOWS = {12: -3.0, 18: -3.5, 28: -4.0}
"""Days of images, and Mann and Kendall's Z from which on so many fall: weather lasts for days, so long series must say more."""

LEAST_LOSS = log(0.6)
"""Logarithm of the sharpness that is left in a window: two fifths are lost, seasons take less in so few days."""

MOST_STEP = 0.6
"""Of the loss; what falls by more from one day to the next is no fouling."""

LEAST_DARKER, LEAST_LEVELS = 0.6, 15.0
"""Pictures are dark where brightness falls below so much of what it was, and by so many levels of 255."""

KEPT_LIGHT = 0.75
"""Other hours kept at least so much of theirs, or it is no matter of lamps."""

LEAST_TURN, LEAST_TURNED = 0.4, 5
"""A bit is turned round where the share of pictures that have it goes from one side of a half to the other, by so much, on all
days after; troubled water only takes it towards a half. A camera was moved where so many bits are."""

LEAST_SCORE_FALL = 0.08


def find_troubles(days: CameraDays) -> Iterator[Finding]:
    """Find what a camera's days show, but for scores."""
    yield from find_fouling(days)
    yield from find_darkness(days)
    yield from find_moves(days)


def find_fouling(days: CameraDays) -> Iterator[Finding]:
    """Find times in which pictures lose sharpness day after day."""
    values, covered = days.sharpness, 0
    for end in range(min(FOULING_WINDOWS), len(values) + 1):
        for window, trend in FOULING_WINDOWS.items():
            start = end - window
            if start < covered or not _fouls(values[start:end], trend):
                continue
            clean = float(np.median(values[start : start + 3]))
            last = _until_clean(values, end, clean)
            covered = last
            lowest = float(np.min(values[start:last]))
            until = day_start(int(days.day[last])) if last < len(values) else None
            yield Finding(
                days.camera,
                days.deployment,
                Trouble.FOULING,
                day_start(int(days.day[start])),
                until,
                1 - exp(lowest - clean),
                "share of sharpness lost",
                f"sharpness falls by {1 - exp(slope(values[start:end])):.1%} a day over {window} days of images "
                f"(Mann-Kendall Z {falls_by_rank(values[start:end]):.1f})",
            )
            break


def _fouls(values: Series, trend: float) -> bool:
    if not np.all(np.isfinite(values)):
        return False
    loss = slope(values) * (len(values) - 1)
    third = len(values) // 3
    parts = [float(np.median(values[part * third : (part + 1) * third])) for part in range(3)]
    if loss > LEAST_LOSS or parts[2] - parts[0] > LEAST_LOSS * 0.6 or not parts[0] > parts[1] > parts[2]:
        return False
    few = len(values) // 4
    steps = [
        np.median(values[at : at + few]) - np.median(values[at - few : at]) for at in range(few, len(values) - few + 1)
    ]
    return bool(min(steps) > MOST_STEP * loss) and falls_by_rank(values) <= trend


def _until_clean(values: Series, end: int, clean: float) -> int:
    """Find the place at which sharpness has come back half of the way, for two days at least."""
    for at in range(end, len(values)):
        lost = clean - float(np.min(values[:at][-10:]))
        if np.all(values[at : at + 2] > clean - lost / 2):
            return at
    return len(values)


def find_darkness(days: CameraDays) -> Iterator[Finding]:
    """Find lamps that fail: hours that are dark from one day on."""
    at = FEWEST_BEFORE
    while at + AFTER <= len(days.day):
        dark, kept = [], []
        for block in range(BLOCKS):
            before, after = days.luma[max(0, at - BEFORE) : at, block], days.luma[at : at + AFTER, block]
            before = before[np.isfinite(before)]
            if len(before) < FEWEST_BEFORE or not np.all(np.isfinite(after)):
                continue
            usual, now = float(np.median(before)), float(np.median(after))
            if now < LEAST_DARKER * usual and usual - now >= LEAST_LEVELS and lower_share(before, after) == 1.0:
                dark.append((block, usual, now))
            elif now >= KEPT_LIGHT * usual:
                kept.append(block)
        if len(dark) >= 2 or (dark and not kept):
            lamps = bool(kept)
            end = _until_bright(days, at + AFTER, dark)
            lost = float(np.mean([usual - now for _, usual, now in dark]))
            hours = ", ".join(f"{block * 3:02}-{block * 3 + 3:02}" for block, *_ in dark)
            yield Finding(
                days.camera,
                days.deployment,
                Trouble.LIGHTS if lamps else Trouble.DARK,
                day_start(int(days.day[at])),
                day_start(int(days.day[end])) if end < len(days.day) else None,
                lost,
                "levels of brightness (255)",
                f"{'at ' + hours + ' h UTC' if lamps else 'at all hours'} brightness is below every day of the "
                f"{min(at, BEFORE)} before (Mann-Whitney)",
                hour_s=dark[0][0] * 10_800 + 1800,
            )
            at = end
        at += 1


def _until_bright(days: CameraDays, at: int, dark: list[tuple[int, float, float]]) -> int:
    while at < len(days.day):
        back = [days.luma[at, block] > (usual + now) / 2 for block, usual, now in dark]
        if sum(back) * 2 > len(back):
            return at
        at += 1
    return at


def find_moves(days: CameraDays) -> Iterator[Finding]:
    """Find days from which on a camera shows another scene: bits of its pictures' fingerprint that were firm turn round."""
    at, since = FEWEST_BEFORE, 0
    while at + AFTER <= len(days.day):
        before = np.mean(days.bits[max(since, at - BEFORE) : at], axis=0)
        after = days.bits[at : at + AFTER]
        turn = after - before
        turned = np.all(np.abs(turn) >= LEAST_TURN, axis=0) & np.all((after > 0.5) != (before > 0.5), axis=0)
        count = int(turned.sum())
        if at - since >= FEWEST_BEFORE and count >= LEAST_TURNED:
            yield Finding(
                days.camera,
                days.deployment,
                Trouble.MOVED,
                day_start(int(days.day[at])),
                None,
                float(count),
                "of 64 bits of the picture's fingerprint",
                f"{counted(count, 'bit')} of the fingerprint are turned round, each by {LEAST_TURN:.0%} of the pictures at least",
            )
            since = at
            at += FEWEST_BEFORE
        else:
            at += 1


def find_fallen_scores(days: CameraDays, known: list[Finding]) -> Iterator[Finding]:
    """Find days from which on the model is less sure, and say whether pictures explain it.

    Args:
        days: Of a camera.
        known: What else was found of it in this deployment.
    """
    told = np.flatnonzero(np.isfinite(days.score))
    score, at = days.score[told], BEFORE
    while at + AFTER <= len(score):
        before, after = score[at - BEFORE : at], score[at : at + AFTER]
        fall = float(np.median(before) - np.median(after))
        if fall < LEAST_SCORE_FALL or lower_share(before, after) < 1.0:
            at += 1
            continue
        middle, end = (float(np.median(before)) + float(np.median(after))) / 2, at + AFTER
        while end < len(score) and score[end] < middle:
            end += 1
        start = day_start(int(days.day[told[at]]))
        until = day_start(int(days.day[told[end]])) if end < len(score) else None
        causes = sorted({str(one.trouble) for one in known if one.explains(start, until)})
        pictures = days.sharpness[told]
        sharper = float(np.median(pictures[at : at + AFTER]) - np.median(pictures[at - BEFORE : at]))
        if sharper < log(0.8):
            causes.append(f"sharpness down by {1 - exp(sharper):.0%}")
        yield Finding(
            days.camera,
            days.deployment,
            Trouble.SCORES,
            start,
            until,
            fall,
            "score",
            f"the best box of an image has a lower score than on any of {BEFORE} days before (Mann-Whitney); "
            + (f"pictures explain it: {', '.join(causes)}" if causes else "pictures do not explain it"),
            explained=bool(causes),
        )
        at = end + 1
