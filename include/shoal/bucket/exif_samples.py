"""What cameras wrote into a handful of a bucket's images, read by the worker's own reader: the one that the answer uses."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from shoal.contract.ask_worker import ask_worker
from shoal.contract.errors import ConfigError, ContractError, one_line
from shoal.contract.rows import EXIF_TYPE
from shoal.stores.listed import ListedObject
from shoal.stores.object_store import ImageStore
from shoal.tables.session import Database

HANDFUL = 6
"""Images that are read."""

SAMPLE_BYTES = 64 * 1024**2
"""What one of them may have: a larger one is passed over as one that is gone."""

LIMIT_S = 60.0
"""Seconds in which the worker has to read their EXIF; it takes one to start."""


@dataclass(frozen=True)
class Seen:
    """One image that was read.

    Attributes:
        image: As the listing shows it.
        exif: What its camera wrote, as rows hold it; None where it wrote nothing.
    """

    image: ListedObject
    exif: dict[str, Any] | None

    @property
    def has_time(self) -> bool:
        """Whether its EXIF tells when it was taken."""
        return bool(self.exif and self.exif["local_time"])

    @property
    def has_offset(self) -> bool:
        """Whether its EXIF tells the time's offset, too."""
        return bool(self.exif and self.exif["offset_minutes"] is not None)


def read_handful(bucket: ImageStore, images: Sequence[ListedObject]) -> tuple[Seen, ...]:
    """Read the EXIF of a handful of images, from the first to the last.

    Raises:
        ConfigError: The worker cannot be run here.
        StoreError: The store does not answer.
    """
    last = len(images) - 1
    numbers = sorted({round(part * last / max(1, HANDFUL - 1)) for part in range(HANDFUL)}) if images else []
    with TemporaryDirectory(prefix="shoal-exif-") as folder:
        chosen = []
        for number in numbers:
            try:
                data = bucket.find_bytes(images[number].key, SAMPLE_BYTES)
            except (ConfigError, ContractError):  # gone by now, or not for us: another one tells as much
                continue
            if data is None:
                continue
            path = Path(folder, str(number))
            path.write_bytes(data)
            chosen.append((images[number], path))
        return tuple(
            Seen(image, exif) for (image, _), exif in zip(chosen, _ask([path for _, path in chosen]), strict=True)
        )


def fill_rows(database: Database, seen: Sequence[Seen]) -> None:
    """Make what was seen the table `rows`, as far as a clock reads it.

    Makes: rows
    """
    database.run(f"CREATE OR REPLACE TABLE rows (key VARCHAR, object_version VARCHAR, exif {EXIF_TYPE})")
    for one in seen:
        database.run("INSERT INTO rows VALUES (?, ?, ?)", [one.image.key, one.image.object_version, one.exif])


def _ask(paths: Sequence[Path]) -> list[dict[str, Any] | None]:
    if not paths:
        return []
    try:
        done = ask_worker(["exif", *(str(path.absolute()) for path in paths)], LIMIT_S)
    except (subprocess.TimeoutExpired, OSError) as err:
        raise ConfigError(
            f"EXIF was not read: no worker could be run here ({one_line(err)}) - see its load and memory"
        ) from err
    if done.returncode != 0:
        words = (done.stderr.strip().splitlines() or [f"its process ended with {done.returncode}"])[-1]
        raise ConfigError(
            f"EXIF was not read: {one_line(words, 500)} - pip install 'shoal[worker]' where it is not installed"
        )
    return [json.loads(line) for line in done.stdout.splitlines()]
