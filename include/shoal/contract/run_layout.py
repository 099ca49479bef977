"""Where the objects of one run lie.

<results>/<dataset>/<variant>/runs/<run_key>/plan.json   manifest.parquet
                                             remaining-<shard>-<attempt>.parquet
                                             crashed-<shard>-<attempt>.json   trying-<shard>-<attempt>.json
                                             attempts/   progress/<shard>-<attempt>.json
                                             summary.json   summary-<attempt>/<file>
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class RunLayout:
    """Objects of one run below `<variant>/runs/<run_key>/`.

    Attributes:
        root: Key prefix, ends with a slash.
    """

    root: str

    @property
    def plan(self) -> str:
        """What the run intends; written before any pod starts."""
        return f"{self.root}plan.json"

    @property
    def manifest(self) -> str:
        """The images to infer, with their shard."""
        return f"{self.root}manifest.parquet"

    def remaining(self, shard: int, attempt: str) -> str:
        """Manifest of what a repeated shard still has to do."""
        return f"{self.root}remaining-{shard:04d}-{attempt}.parquet"

    def trying(self, shard: int, attempt: str) -> str:
        """The one image that a careful attempt tries right now; replaced by that attempt, deleted when it tries several."""
        return f"{self.root}trying-{shard:04d}-{attempt}.json"

    def crashed(self, shard: int, attempt: str) -> str:
        """Says that an attempt crashed, so that the next ones are careful."""
        return f"{self.crashes(shard)}{attempt}.json"

    def crashes(self, shard: int) -> str:
        """Prefix of what the crashed attempts at a shard left."""
        return f"{self.root}crashed-{shard:04d}-"

    @property
    def tries(self) -> str:
        """Prefix of every image that a careful attempt named last."""
        return f"{self.root}trying-"

    @property
    def attempts(self) -> str:
        """Prefix of what became of attempts at shards that failed."""
        return f"{self.root}attempts/"

    def failed_attempt(self, shard: int, attempt: str) -> str:
        """Why one attempt at one shard failed."""
        return f"{self.attempts}{shard:04d}-{attempt}.json"

    @property
    def progress(self) -> str:
        """Prefix of how far attempts at shards say they are."""
        return f"{self.root}progress/"

    def shard_progress(self, shard: int, attempt: str) -> str:
        """How far one attempt at one shard is; replaced by its worker."""
        return f"{self.progress}{shard:04d}-{attempt}.json"

    @property
    def summary(self) -> str:
        """The answer; written last."""
        return f"{self.root}summary.json"

    def summary_file(self, attempt: str, name: str) -> str:
        """One file of the folder that one summarize attempt writes."""
        return f"{self.root}summary-{attempt}/{name}"
