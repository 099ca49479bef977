"""What the workers of one run have to read and write, and no more: the one place that says it, whatever kind of store it is."""

from dataclasses import dataclass

from shoal.contract.job import ShardJob
from shoal.contract.layout import VariantLayout


@dataclass(frozen=True)
class Rights:
    """What may be done in one bucket, by what keys begin with; empty allows nothing.

    Attributes:
        read: Objects that may be read.
        names: Names that may be listed.
        folders: Whose names may be listed one level deep: a mount goes down from the root.
        write: Objects that may be written.
        delete: Objects that may be deleted.
    """

    read: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()


def rights_of_run(job: ShardJob, source_prefix: str, *, mounts: bool) -> dict[str, Rights]:
    """Say what a run's workers need, by role: source, models, results.

    Args:
        job: What they are told.
        source_prefix: What the dataset's images begin with; what a run is narrowed to may leave out images that tell of a login.
        mounts: Whether a sidecar shows the images as files.
    """
    variant = VariantLayout(job.variant_root)
    run = variant.run(job.run_key)
    written = (variant.run_parts(job.run_key), run.progress, run.tries)
    models = () if job.service else (job.model_key, *([job.then_model.key] if job.then_model else ()))
    return {
        "source": Rights(
            read=(source_prefix,), names=(source_prefix,), folders=_above(source_prefix) if mounts else ()
        ),
        "models": Rights(read=tuple(sorted({key[: key.rfind("/") + 1] for key in models}))),
        "results": Rights(
            read=(run.root,), write=(*written, *([variant.files] if job.service else ())), delete=(run.tries,)
        ),
    }


def _above(prefix: str) -> tuple[str, ...]:
    """Name the folders on the way to a prefix: of `a/b/c` the root, `a/` and `a/b/`."""
    return tuple(prefix[:end] for end in range(len(prefix)) if end == 0 or prefix[end - 1] == "/")
