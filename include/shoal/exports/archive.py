"""Several files in one ZIP, the same bytes for the same files: no time of writing, no owner."""

import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path

_BEGINNING = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a ZIP can tell."""


def zip_files(path: Path, files: Iterable[tuple[str, Path]]) -> None:
    """Write files into a new ZIP in their order, streamed.

    Args:
        path: The ZIP.
        files: Each by its name in it.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in files:
            entry = zipfile.ZipInfo(name, _BEGINNING)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            with file.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target, 1 << 20)
