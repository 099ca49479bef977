"""What the command line of `run` says."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunArguments:
    """What the command line says.

    Attributes:
        results_bucket: Bucket of plan, manifest and parts.
        plan: Key of plan.json.
        shard: Number of the shard.
        manifest: Key of the manifest; None means the one next to the plan.
        attempt: 8 characters that no other attempt has.
        mount: Folder the image bucket is mounted at; None means GET by key.
        threads: Threads of one inference.
        progress_interval_s: Seconds between two progress lines.
        careful: Whether an earlier attempt crashed: the first images go one by one, each named first.
    """

    results_bucket: str
    plan: str
    shard: int
    manifest: str | None
    attempt: str
    mount: Path | None
    threads: int
    progress_interval_s: float
    careful: bool = False
