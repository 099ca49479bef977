"""Names that are minted, of runs and of attempts: how they are written, made and read back."""

import secrets
import string
from datetime import UTC, datetime

RUN_KEY = r"[0-9]{8}T[0-9]{6}Z-[a-z0-9]{8}"
ATTEMPT = r"[a-z0-9]{8}"


def run_time(run_key: str) -> datetime:
    """Read when a run was planned, UTC."""
    return datetime.strptime(run_key[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def is_time(run_key: str) -> bool:
    """Whether a run_key begins with a time that there is: `20269999T999999Z-abcd1234` is written like one."""
    try:
        run_time(run_key)
    except ValueError:
        return False
    return True


def mint_attempt() -> str:
    """Make the 8 characters that tell two attempts at one thing apart."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))


def mint_run_key(now: datetime) -> str:
    """Make a run_key: UTC time + 8 random characters, sorting by time."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{mint_attempt()}"
