"""Addresses of stores: scheme, host and port. What else stands in one may be a password, so it is refused and not repeated."""

import re
from urllib.parse import urlsplit

from shoal.contract.errors import ConfigError

_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::\d{1,5})?")


def need_address(url: str, whose: str, *, path: bool = False) -> None:
    """Refuse a URL that is more than an address.

    Args:
        url: Such as `https://minio.example.org:9000`.
        whose: Begins the sentence: `The endpoint of …`.
        path: Whether a path may follow.

    Raises:
        ConfigError: It holds a login, a query, a fragment or a path, or is no address; it is not shown.
    """
    if (more := _more_than_an_address(url, path=path)) is not None:
        raise ConfigError(
            f"{whose} {more} (it is not shown) - write http(s)://host[:port] alone; a key belongs into login and password"
        )


def _more_than_an_address(url: str, *, path: bool) -> str | None:
    if not url.startswith(("http://", "https://")):
        return "begins with neither http:// nor https://"
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises where it is none
    except ValueError:
        return "is no URL"
    found = {
        "a login before its host": "@" in parts.netloc,
        "a query": "?" in url,
        "a fragment": "#" in url,
        "a path": parts.path.strip("/") != "" and not path,
    }
    if any(found.values()):
        return f"holds {' and '.join(what for what, there in found.items() if there)}"
    return None if _HOST.fullmatch(parts.netloc) and url.isprintable() and " " not in url else "is no URL"
