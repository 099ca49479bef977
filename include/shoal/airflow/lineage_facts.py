"""What is known of a run's lineage, in words of our own: kept by the task that knows it, written down by `lineage`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shoal.airflow.operators.frozen_run import FrozenRun
    from shoal.results.plan_parts import StoredModel
    from shoal.settings.source import Source
    from shoal.summary.summarized_run import SummarizedRun


@dataclass(frozen=True)
class LineageFacts:
    """Where a run's numbers come from, and where they went.

    Attributes:
        images_namespace: Where the images are, as OpenLineage names it: a bucket, or files.
        images_name: The prefix below which they lie, or the folder.
        listing: Key of the frozen listing.
        listed_bytes: Size of the listed images.
        models_bucket: The models.
        model_key: The model's file.
        model_sha256: What it hashes to.
        model: Name and version of what looked at the images.
        results_bucket: The results.
        output: `current.json` where the run is the answer, else its variant's folder.
        output_files: Files of its summary.
        output_bytes: Their size.
        run_key: The run.
        result_sha256: What its result hashes to.
        is_answer: Whether it is the dataset's answer.
        examined: Images the model, or the decoder that refused them, has judged.
        fates: Listed images, and of them by what became of them.
        then: The second model in a row; None where there is none.
    """

    images_namespace: str
    images_name: str
    listing: str
    listed_bytes: int
    models_bucket: str
    model_key: str
    model_sha256: str
    model: str
    results_bucket: str
    output: str
    output_files: int
    output_bytes: int
    run_key: str
    result_sha256: str
    is_answer: bool
    examined: int
    fates: Mapping[str, int]
    then: "StoredModel | None" = None


def find_lineage(frozen: "FrozenRun", done: "SummarizedRun") -> LineageFacts:
    """Find where the numbers of a summarized run come from."""
    plan, stored, stores, source = frozen.plan, done.stored, frozen.stores, frozen.dataset.source
    is_answer = done.not_current_because is None
    return LineageFacts(
        images_namespace=_namespace_of(source),
        images_name="/".join(part for part in (source.path or source.remote_path, source.prefix) if part) or "/",
        listing=plan.listing.key,
        listed_bytes=plan.listing.size_bytes,
        models_bucket=frozen.dataset.models.bucket,
        model_key=plan.model.key,
        model_sha256=plan.model.sha256,
        model=plan.models,
        results_bucket=stores.results.bucket,
        output=stores.layout.current if is_answer else stores.layout.variant(plan.variant.directory).root,
        output_files=len(stored.files),
        output_bytes=sum(file.bytes or 0 for file in stored.files),
        run_key=stored.run_key,
        result_sha256=stored.result_sha256,
        is_answer=is_answer,
        examined=stored.examined,
        fates=stored.balance,
        then=stored.then,
    )


def _namespace_of(source: "Source") -> str:
    """Name where images are as OpenLineage does; of a store by rclone the connection stands for it."""
    if source.path:
        return "file"
    return f"rclone://{source.conn_id}" if source.kind == "rclone" else f"s3://{source.bucket}"
