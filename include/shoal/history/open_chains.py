"""Chains of runs that are not through: what they have examined so far, and the command that goes on with them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from shoal.contract.layout import VariantLayout
from shoal.models.versions import LATEST
from shoal.plan.commands import start_again
from shoal.results.plan_parts import StoredScope
from shoal.results.stored_summary import StoredSummary, read_summary
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import Stores
from shoal.settings.run_form import RunParams


@dataclass(frozen=True)
class OpenChain:
    """The newest run of a chain, when it left images to the next.

    Attributes:
        dataset: The dataset.
        run_key: The run.
        model: Name and version of its model.
        examined: Images with a row, of `listed`; the run's summary.json has the numbers of these.
        listed: Images in its scope.
        summary_uri: Where its summary lies.
        params: What its next run is told: what was said when it was started, and that failures it retried are not retried again.
        version: Of its model.
        now: The model version that a run takes where nothing is said: None where the chain said its own.
        is_over: Whether no run can go on with it: the dataset has another model now.
    """

    dataset: str
    run_key: str
    model: str
    examined: int
    listed: int
    summary_uri: str
    params: RunParams
    version: str
    now: str | None
    is_over: bool = False

    @property
    def is_left(self) -> bool:
        """Whether the nights go on with another version, and with this one only who says it."""
        return self.now is not None and self.now != self.version

    @property
    def command(self) -> str | None:
        """Start the next run by hand; whether one is under way is Airflow's to say. None where none can go on."""
        if self.is_over:
            return None
        also = {"model_version": self.version} if self.is_left else {}
        return start_again(self.dataset, self.params.model_dump(mode="json"), **also)

    def describe(self) -> list[str]:
        """Tell it in three lines."""
        far = f"{self.examined} of {self.listed} images examined ({self.examined / self.listed:.1%})"
        if self.is_over:
            way_on = "no run goes on with it: the dataset file names another model now"
        elif self.is_left:
            way_on = f"no run goes on with it by itself: {self.now} is used now; by hand: {self.command}"
        else:
            way_on = f"goes on with its next run, or by: {self.command}"
        return [
            f"open     {self.dataset}/{self.run_key}: {self.model}, {far}",
            f"         so far   {self.summary_uri}",
            f"         {way_on}",
        ]


def list_open_chains(stores: Stores, dataset: Dataset) -> list[OpenChain]:
    """List the chains that are not through, one per variant and scope, newest first.

    A later complete run over the whole dataset closes all of its variant's.

    Args:
        stores: The dataset's buckets.
        dataset: Its settings as they are now.

    Raises:
        StoreError: The results bucket does not answer.
    """
    seen = [
        (layout, summaries)
        for layout in stores.layout.variants(stores.results.list_folders(stores.layout.root))
        if (summaries := [*_read_until_complete(stores, layout)])
    ]
    now = _version_in_use(dataset, [summary for _, summaries in seen for summary in summaries])
    chains = [
        _chain(stores, layout, summary, dataset, now) for layout, summaries in seen for summary in _find_open(summaries)
    ]
    return sorted(chains, key=lambda chain: chain.run_key, reverse=True)


def _read_until_complete(stores: Stores, layout: VariantLayout) -> Iterator[StoredSummary]:
    """Read a variant's summaries, the newest first, up to one that is complete and of the whole dataset."""
    for run_key in reversed(layout.runs_with("summary.json", stores.results.list_keys(layout.runs))):
        summary = read_summary(stores.results, layout.run(run_key).summary)
        yield summary
        if summary.complete and summary.scope.full:
            break


def _find_open(summaries: Iterable[StoredSummary]) -> Iterator[StoredSummary]:
    seen = set[StoredScope]()
    for summary in summaries:
        if not summary.complete and summary.scope not in seen:
            yield summary
        seen.add(summary.scope)


def _version_in_use(dataset: Dataset, summaries: Iterable[StoredSummary]) -> str | None:
    """Find the version that a run takes where none is said: of `latest` the one that the newest such run took."""
    if dataset.model.version != LATEST:
        return dataset.model.version
    unsaid = [summary for summary in summaries if summary.params.model_version is None]
    newest = max(unsaid, key=lambda summary: summary.run_key, default=None)
    return newest.model.version if newest else None


def _chain(
    stores: Stores, layout: VariantLayout, summary: StoredSummary, dataset: Dataset, now: str | None
) -> OpenChain:
    params, version = summary.params.going_on_with(summary.run_key), summary.model.version
    is_bound = (
        dataset.worker.service is not None and dataset.model.version != version
    )  # its version is that of the file
    return OpenChain(
        dataset=summary.dataset,
        run_key=summary.run_key,
        model=summary.models,
        examined=summary.examined,
        listed=summary.balance["listed"],
        summary_uri=stores.results.uri(layout.run(summary.run_key).summary),
        params=params,
        version=version,
        now=now if params.model_version is None else None,
        is_over=dataset.model.name != summary.model.name or is_bound,
    )
