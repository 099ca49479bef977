"""Chains of runs that are not through: what they have examined so far, and the command that goes on with them."""

from dataclasses import dataclass

from shoal.contract.layout import VariantLayout
from shoal.contract.run_names import reanalyse_dag_id
from shoal.plan.commands import trigger_command
from shoal.results.plan_parts import StoredScope
from shoal.results.stored_summary import StoredSummary, read_summary
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
        params: What was said when the chain was started.
    """

    dataset: str
    run_key: str
    model: str
    examined: int
    listed: int
    summary_uri: str
    params: RunParams

    @property
    def command(self) -> str:
        """Start the next run by hand; whether one is under way is Airflow's to say."""
        # By hand always there: the other DAG takes whole months, and what goes on by itself.
        said = self.params.model_dump(mode="json", exclude_defaults=True)
        return trigger_command(reanalyse_dag_id(self.dataset), said)

    def describe(self) -> list[str]:
        """Tell it in three lines."""
        far = f"{self.examined} of {self.listed} images examined ({self.examined / self.listed:.1%})"
        return [
            f"open     {self.dataset}/{self.run_key}: {self.model}, {far}",
            f"         so far   {self.summary_uri}",
            f"         goes on with its next run, or by: {self.command}",
        ]


def list_open_chains(stores: Stores) -> list[OpenChain]:
    """List the chains that are not through, one per variant and scope, newest first.

    A later complete run over the whole dataset closes all of its variant's.

    Raises:
        StoreError: The results bucket does not answer.
    """
    chains = [
        chain
        for variant in stores.layout.variants(stores.results.list_folders(stores.layout.root))
        for chain in _open_in_variant(stores, variant)
    ]
    return sorted(chains, key=lambda chain: chain.run_key, reverse=True)


def _open_in_variant(stores: Stores, layout: VariantLayout) -> list[OpenChain]:
    chains, seen = [], set[StoredScope]()
    for run_key in reversed(layout.runs_with("summary.json", stores.results.list_keys(layout.runs))):
        summary = read_summary(stores.results, layout.run(run_key).summary)
        if summary.complete and summary.scope.full:
            break
        if not summary.complete and summary.scope not in seen:
            chains.append(_chain(stores, layout, summary))
        seen.add(summary.scope)
    return chains


def _chain(stores: Stores, layout: VariantLayout, summary: StoredSummary) -> OpenChain:
    return OpenChain(
        dataset=summary.dataset,
        run_key=summary.run_key,
        model=summary.models,
        examined=summary.examined,
        listed=summary.balance["listed"],
        summary_uri=stores.results.uri(layout.run(summary.run_key).summary),
        params=summary.params,
    )
