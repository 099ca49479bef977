"""Wheels as pip leaves them in a folder of the path: files, and a dist-info with entry points."""

from collections.abc import Mapping
from pathlib import Path


def lay_wheel(
    folder: Path, name: str, points: Mapping[str, Mapping[str, str]], files: Mapping[str, str], version: str = "1.0"
) -> Path:
    """Install a wheel into a folder of its own, which is returned for the path.

    Args:
        folder: Made where it is missing.
        name: Of the distribution.
        points: Group, name and object of its entry points.
        files: What it holds, by path.
        version: Of the distribution.
    """
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    lines = [
        line
        for group, named in points.items()
        for line in (f"[{group}]", *(f"{key} = {value}" for key, value in named.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder
