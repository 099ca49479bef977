"""The command line of a worker that examines one shard: written where it is started, read where it runs."""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shoal.contract.minted_names import ATTEMPT, mint_attempt
from shoal.contract.typed_numbers import positive

RUN = "run"
"""The worker's command that examines a shard."""


@dataclass(frozen=True)
class WorkerCommand:
    """The command line of a worker that examines one shard; it holds no credentials.

    Attributes:
        results_bucket: Bucket of plan, manifest and parts.
        plan: Key of plan.json.
        shard: Number of the shard.
        attempt: 8 characters that no other attempt has.
        manifest: Key of the manifest; None means the one next to the plan.
        mount: Folder the image bucket is mounted at; None means GET by key.
        threads: Threads of one inference.
        progress_interval_s: Seconds between two progress lines.
        careful: Whether an earlier attempt crashed: the first images go one by one, each named first.
    """

    results_bucket: str
    plan: str
    shard: int
    attempt: str
    manifest: str | None = None
    mount: Path | None = None
    threads: int = 1
    progress_interval_s: float = 30.0
    careful: bool = False

    def to_words(self) -> tuple[str, ...]:
        """Write it as the words after `python -m shoal_worker`."""
        options = {
            "--results-bucket": self.results_bucket,
            "--plan": self.plan,
            "--manifest": self.manifest,
            "--shard": str(self.shard),
            "--attempt": self.attempt,
            "--threads": str(self.threads),
            "--progress-interval": f"{self.progress_interval_s:g}",
            "--mount": None if self.mount is None else str(self.mount),
        }
        words = (word for name, value in options.items() if value is not None for word in (name, value))
        return (RUN, *words, *(("--careful",) if self.careful else ()))

    @classmethod
    def parse(cls, words: Sequence[str]) -> "WorkerCommand":
        """Read what `to_words` wrote; a mistake ends the program, as argparse does."""
        parser = argparse.ArgumentParser(prog="python -m shoal_worker")
        parser.add_argument("command", choices=[RUN])
        cls.add_options(parser)
        return cls.of(parser.parse_args(words))

    @staticmethod
    def add_options(parser: argparse.ArgumentParser) -> None:
        """Describe its options."""
        parser.add_argument("--results-bucket", required=True, help="bucket of plan, manifest and parts")
        parser.add_argument("--plan", required=True, metavar="KEY", help="key of plan.json")
        parser.add_argument("--shard", required=True, type=int, metavar="N", help="number of the shard")
        parser.add_argument("--manifest", metavar="KEY", help="key of the manifest (default: the one next to the plan)")
        parser.add_argument("--attempt", type=_attempt_name, metavar="A8", help="8 of a-z, 0-9 (default: random)")
        parser.add_argument("--mount", type=Path, metavar="DIR", help="read images below DIR, not over S3")
        parser.add_argument("--threads", type=positive, default=1, metavar="N", help="threads of one inference (1)")
        parser.add_argument("--progress-interval", type=float, default=30.0, metavar="S", help="seconds (30)")
        parser.add_argument(
            "--careful", action="store_true", help="first images one by one: an earlier attempt crashed"
        )

    @classmethod
    def of(cls, options: argparse.Namespace) -> "WorkerCommand":
        """Take it from parsed options."""
        return cls(
            results_bucket=options.results_bucket,
            plan=options.plan,
            shard=options.shard,
            attempt=options.attempt or mint_attempt(),
            manifest=options.manifest,
            mount=options.mount,
            threads=options.threads,
            progress_interval_s=options.progress_interval,
            careful=options.careful,
        )


def _attempt_name(text: str) -> str:
    if re.fullmatch(ATTEMPT, text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not 8 characters of a-z and 0-9")
    return text
