"""Lineage of a run as OpenLineage has it: from a bucket and a model to an answer. Imported where its provider asks only.

Names do not change from night to night, or each would be a place of its own in the graph: what changes are their versions.
"""

from typing import Any

import attr
from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    RunFacet,
    dataset_version_dataset,
    input_statistics_input_dataset,
    output_statistics_output_dataset,
)

from shoal.airflow.lineage_facts import LineageFacts

FACET = "shoal_run"


@attr.define(kw_only=True)
class ShoalRunFacet(RunFacet):  # type: ignore[misc]  # its package is not taken for granted, see pyproject.toml
    """What a run has that no standard facet holds."""

    run_key: str
    result_sha256: str
    model: str
    is_answer: bool
    images: dict[str, int]

    @staticmethod
    def _get_schema() -> str:
        return "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunFacet"


def to_openlineage(facts: LineageFacts) -> OperatorLineage[Any, Any]:
    """Write the lineage of a run."""
    version = dataset_version_dataset.DatasetVersionDatasetFacet
    images = InputDataset(
        namespace=facts.images_namespace,
        name=facts.images_name,
        facets={"version": version(datasetVersion=facts.listing)},
        inputFacets={
            "inputStatistics": input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
                fileCount=facts.fates["listed"], size=facts.listed_bytes
            )
        },
    )
    looked = {facts.model_key: facts.model_sha256, **({facts.then.key: facts.then.sha256} if facts.then else {})}
    models = [
        InputDataset(
            namespace=f"s3://{facts.models_bucket}", name=key, facets={"version": version(datasetVersion=sha256)}
        )
        for key, sha256 in looked.items()
    ]
    answer = OutputDataset(
        namespace=f"s3://{facts.results_bucket}",
        name=facts.output,
        facets={"version": version(datasetVersion=facts.run_key)},
        outputFacets={
            "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                rowCount=facts.examined, size=facts.output_bytes, fileCount=facts.output_files
            )
        },
    )
    facet = ShoalRunFacet(
        run_key=facts.run_key,
        result_sha256=facts.result_sha256,
        model=facts.model,
        is_answer=facts.is_answer,
        images=dict(facts.fates),
    )
    return OperatorLineage(inputs=[images, *models], outputs=[answer], run_facets={FACET: facet})
