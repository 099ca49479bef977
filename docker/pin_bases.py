"""`make bases`: pin every image that this checkout builds on or runs, in Dockerfiles and docker-compose.yaml, by its digest.

A tag can be moved by whoever holds it, a digest cannot. Each registry is asked for what its tag names today (for all
architectures); the bytes it answers must have the digest that is written. Needs Python alone.
"""

import argparse
import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

ROOT = Path(__file__).parents[1]
MIRROR = "SHOAL_PUBLIC_REGISTRY"
"""Names a mirror of docker.io, such as https://mirror.example.org."""

_REFERENCE = re.compile(
    r"^(?P<before>(?:ARG (?:GO_)?BASE=| +image: ))(?P<image>(?!shoal-)[\w./-]+:[\w.-]+)(?:@(?P<digest>sha256:[0-9a-f]{64}))?$",
    re.MULTILINE,
)
_KINDS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_MOST_BYTES = 4 * 1024**2


def main() -> int:
    """Pin, or say what is not pinned; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit with 1 where something is not pinned")
    known: dict[str, str] = {}
    if parser.parse_args().check:
        loose = [
            f"{path.relative_to(ROOT)}: {found['image']}"
            for path in _files()
            for found in _found(path)
            if not found["digest"]
        ]
        _say(
            *loose, "not pinned by digest - where a registry can be reached: make bases" if loose else "all are pinned"
        )
        return bool(loose)
    try:
        for path in _files():
            text = path.read_text(encoding="utf-8")
            new = _REFERENCE.sub(_pinned(path, known), text)
            if new != text:
                path.write_text(new, encoding="utf-8")
    except (OSError, ValueError, KeyError) as err:
        way_out = f"this needs the registry, or {MIRROR}=https://… with the same images"
        _say(f"Bases are not pinned: {err} - {way_out}", file=sys.stderr)
        return 2
    return 0


def _say(*lines: str, file: TextIO = sys.stdout) -> None:
    file.write("".join(f"{line}\n" for line in lines))


def _files() -> Iterator[Path]:
    yield from sorted((ROOT / "docker").glob("*/Dockerfile"))
    yield ROOT / "docker-compose.yaml"


def _found(path: Path) -> Iterator["re.Match[str]"]:
    yield from _REFERENCE.finditer(path.read_text(encoding="utf-8"))


def _pinned(path: Path, known: dict[str, str]) -> Callable[["re.Match[str]"], str]:
    def pin(found: "re.Match[str]") -> str:
        image = found["image"]
        if image not in known:
            known[image] = ask_digest(image)
        state = "is" if found["digest"] == known[image] else "was another" if found["digest"] else "was not pinned"
        _say(f"{path.relative_to(ROOT)}: {image}@{known[image]} ({state})")
        return f"{found['before']}{image}@{known[image]}"

    return pin


def ask_digest(image: str) -> str:
    """Ask a registry which image a tag names.

    Args:
        image: Such as `docker.io/library/python:3.13.14-slim-bookworm`, or without docker.io/library/.

    Raises:
        OSError, ValueError: It does not answer, or with other bytes than it says.
    """
    name, _, tag = image.rpartition(":")
    host, _, path = name.partition("/") if "." in name.partition("/")[0] else ("docker.io", "", name)
    registry = (
        os.environ.get(MIRROR, "https://registry-1.docker.io").rstrip("/") if host == "docker.io" else f"https://{host}"
    )
    url = f"{registry}/v2/{path if '/' in path else f'library/{path}'}/manifests/{tag}"
    headers = {"Accept": ", ".join(_KINDS)}
    try:
        said, body = _get(url, headers)
    except HTTPError as err:
        if err.code != 401:
            raise OSError(f"{url}: {err.code} {err.reason}") from err
        said, body = _get(
            url, {**headers, "Authorization": f"Bearer {_ask_token(err.headers['WWW-Authenticate'] or '')}"}
        )
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    if said not in (None, digest):
        raise ValueError(f"{url} says {said}, and its bytes are {digest}")
    return digest


def _ask_token(challenge: str) -> str:
    """Ask for the token that anybody gets, as the registry says where."""
    words = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    _, body = _get(f"{words.pop('realm')}?{urlencode(words)}", {})
    answer = json.loads(body)
    return str(answer.get("token") or answer["access_token"])


def _get(url: str, headers: dict[str, str]) -> tuple[str | None, bytes]:
    if not url.startswith(("https://", "http://127.0.0.1")):
        raise ValueError(f"{url[:60]} is not asked: without TLS")
    with urlopen(Request(url, headers=headers), timeout=30) as answer:  # noqa: S310 - the scheme is looked at above
        return answer.headers.get("Docker-Content-Digest"), answer.read(_MOST_BYTES)


if __name__ == "__main__":
    sys.exit(main())
