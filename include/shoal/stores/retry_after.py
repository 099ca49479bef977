"""How long a server asks to wait before it is asked again: of the object stores and of Kubernetes alike."""

from typing import TYPE_CHECKING

import urllib3

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse


def asked_pause_s(retry: urllib3.Retry, response: "BaseHTTPResponse | None") -> float:
    """Read the pause in seconds; 0 where there is none, or what the server says is neither a number nor a date."""
    if response is None:
        return 0.0
    try:
        return retry.get_retry_after(response) or 0.0
    except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return 0.0
