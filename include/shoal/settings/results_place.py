"""Where a dataset's results lie, in one line: kept by a run of itself, and taken by commands where there is no dataset file."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from shoal.contract.errors import ConfigError, shown
from shoal.contract.layout import DatasetLayout
from shoal.settings.dataset import DATASET_NAME, Dataset, Results

_WRITTEN = re.compile(rf"s3://(?P<conn_id>[^/@]+)@(?P<bucket>[^/@]+)/(?P<prefix>(?:.*/)?)(?P<dataset>{DATASET_NAME})/?")


@dataclass(frozen=True)
class ResultsPlace:
    """One dataset's folder in a results bucket: `s3://<connection>@<bucket>/<prefix><dataset>/`.

    Attributes:
        conn_id: Airflow connection of the store.
        bucket: The bucket.
        prefix: The results prefix, empty or ending with a slash.
        dataset: Name of the dataset.
    """

    conn_id: str
    bucket: str
    prefix: str
    dataset: str

    @classmethod
    def of(cls, dataset: Dataset) -> "ResultsPlace":
        """Name the place of a dataset's results."""
        return cls(dataset.results.conn_id, dataset.results.bucket, dataset.results.prefix, dataset.name)

    @classmethod
    def parse(cls, text: str) -> "ResultsPlace":
        """Read a place as `str` writes it.

        Raises:
            ConfigError: It is none.
        """
        if (found := _WRITTEN.fullmatch(text)) is None:
            raise ConfigError(
                f"Results {shown(text)!r} not understood - write s3://<connection>@<bucket>/<results.prefix><dataset>/, such as "
                "s3://results@reef-results/reef/"
            )
        return cls(unquote(found["conn_id"]), found["bucket"], found["prefix"], found["dataset"])

    def __str__(self) -> str:
        return f"s3://{quote(self.conn_id, safe='')}@{self.bucket}/{self.layout.root}"

    @property
    def layout(self) -> DatasetLayout:
        """What lies there."""
        return DatasetLayout(self.prefix, self.dataset)

    def hold(self, dataset: Dataset) -> Dataset:
        """Give stored settings the place they were found at: results may have been copied since."""
        results = Results.model_construct(conn_id=self.conn_id, bucket=self.bucket, prefix=self.prefix)
        return dataset.model_copy(update={"name": self.dataset, "results": results})


def is_place(text: str) -> bool:
    """Tell whether somebody means a place in a results bucket: other URIs name no connection."""
    return text.startswith("s3://") and "@" in text.removeprefix("s3://").split("/", 1)[0]
