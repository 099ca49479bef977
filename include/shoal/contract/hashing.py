"""Identity of JSON values: the same value has the same sha256, whoever writes it."""

import hashlib
import json
from typing import Any


def canonical_sha256(value: Any) -> str:
    """Hash JSON in its one canonical form: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
