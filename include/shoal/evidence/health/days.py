"""What the tables of an answer tell of a camera's days: DuckDB makes one line of each, however many images it has."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from shoal.evidence.health.statistics import Series
from shoal.evidence.series import split_series
from shoal.tables.session import Database

FEWEST_IMAGES = 4
"""A day with fewer says nothing."""

BLOCKS = 8
"""Parts of a day, three hours each, UTC."""

BITS = 64
"""Of a dhash."""

_PICTURES = """
    CREATE OR REPLACE TABLE pictures AS
    SELECT coalesce(camera, '') AS camera, coalesce(deployment, '') AS deployment, key, captured_at, last_modified, size_bytes,
        luma_mean, luma_std, sharpness, dhash, epoch(captured_at)::BIGINT // 86400 AS day
    FROM images WHERE use <> 'failed' AND captured_at IS NOT NULL AND luma_mean IS NOT NULL
"""

_DAYS = f"""
    WITH usual AS (
        SELECT camera, deployment, day, median(luma_mean) AS luma FROM pictures
        GROUP BY ALL HAVING count(*) >= {FEWEST_IMAGES}
    )
    SELECT camera, deployment, day, quantile_cont(sharpness, 0.8) AS sharpness,
        {", ".join(f"avg((dhash >> {bit} & 1)::DOUBLE) AS bit{bit}" for bit in range(BITS))}
    FROM pictures JOIN usual USING (camera, deployment, day) WHERE luma_mean >= luma
    GROUP BY ALL ORDER BY camera, deployment, day
"""
"""The brighter half of each day's pictures: what they show depends least on the hour."""

_LIGHT = f"""
    SELECT camera, deployment, day, (epoch(captured_at)::BIGINT % 86400 // {86_400 // BLOCKS})::INTEGER AS block,
        median(luma_mean) AS luma
    FROM pictures GROUP BY ALL
"""

_SCORES = """
    SELECT camera, deployment, day, median(best) AS score, count(*) AS images FROM (
        SELECT coalesce(camera, '') AS camera, coalesce(deployment, '') AS deployment,
            epoch(captured_at)::BIGINT // 86400 AS day, key, max(confidence) AS best
        FROM detections WHERE role = 'count' AND use = 'used' AND captured_at IS NOT NULL GROUP BY ALL
    ) GROUP BY camera, deployment, day
"""


@dataclass(frozen=True)
class CameraDays:
    """A camera's days with pictures, in order, one place each in every array.

    Attributes:
        camera: It.
        deployment: In which deployment; empty without one.
        day: Days since 1970, UTC.
        sharpness: Of the clearer of the brighter pictures: logarithm of their upper fifth's bound.
        bits: By day and bit of the dhash, the share of the brighter pictures that have it.
        luma: By day and part of the day, usual brightness, 0 to 255; NaN without a picture.
        score: Usual score of an image's best box; NaN where few images have one.
    """

    camera: str
    deployment: str
    day: NDArray[np.int64]
    sharpness: Series
    bits: Series
    luma: Series
    score: Series


def take_pictures(database: Database) -> None:
    """Make the images that tell anything of a camera the table `pictures`: many look at it, and the bucket is far.

    Args:
        database: Holds the views of an answer.
    """
    database.run(_PICTURES)


def read_days(database: Database) -> Iterator[CameraDays]:
    """Read the days of each camera and deployment.

    Reads: pictures, detections
    """
    days = database.run(_DAYS).fetchnumpy()
    series = list(zip(days["camera"], days["deployment"], strict=True))
    place = {(*one, int(day)): number for number, (one, day) in enumerate(zip(series, days["day"], strict=True))}
    luma, score = np.full((len(series), BLOCKS), np.nan), np.full(len(series), np.nan)
    for camera, deployment, day, block, usual in database.run(_LIGHT).fetchall():
        if (at := place.get((camera, deployment, day))) is not None:
            luma[at, block] = usual
    for camera, deployment, day, best, images in database.run(_SCORES).fetchall():
        if images >= FEWEST_IMAGES and (at := place.get((camera, deployment, day))) is not None:
            score[at] = best
    bits = np.stack([np.asarray(np.ma.filled(days[f"bit{bit}"], np.nan)) for bit in range(BITS)], axis=1)
    for one, of_it in split_series(days["camera"], days["deployment"]):
        yield CameraDays(
            *one,
            days["day"][of_it].astype(np.int64),
            _logarithm(days["sharpness"][of_it]),
            bits[of_it],
            luma[of_it],
            score[of_it],
        )


def day_start(day: int) -> datetime:
    """Give the moment at which a day begins."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)


def _logarithm(values: Series) -> Series:
    return np.log(np.maximum(np.ma.filled(values, np.nan).astype(np.float64), 1e-3))
