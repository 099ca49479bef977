"""What a reader of the numbers should know of a run before it starts: of its source, its model and its settings."""

from collections.abc import Collection

from shoal.contract.model_info import EXPORT_HINT
from shoal.contract.units import size_text
from shoal.models.variant import Variant
from shoal.settings.dataset import Dataset

_PIXEL_BYTES = 3 * 4
"""Of a pixel as models take it: three colours, each a 32 bit float."""


def describe_doubts(dataset: Dataset, variant: Variant, imgsz: tuple[int, int]) -> list[str]:
    """Tell them, a line each.

    Args:
        dataset: The run's settings.
        variant: What looks at the images.
        imgsz: (height, width) of its input in pixels.
    """
    release, then, lines = variant.release, variant.then, []
    if dataset.source.path:
        lines.append(
            f"images are files below {dataset.source.path}: the version of one is its size and the time of its last "
            "change, nothing else tells that other bytes are in it"
        )
    if dataset.source.kind == "rclone":
        lines.append(
            f"images are read by rclone from {dataset.source.place}: the version of one is its hash where the store "
            "keeps one (MD5, SHA-1 or SHA-256), else its size and the time of its last change; links of an SFTP server are "
            "not followed, nor counted, unless the section says skip_links = false"
        )
    if release.untried:
        lines.append(f"the model was {release.untried}")
    if then is not None and then.untried:
        lines.append(f"the model {then} was {then.untried}")
    if release.dropped:
        lines.append(release.dropped.describe())
    if release.service:
        lines += release.service.describe_doubts()
    lines += describe_batches(dataset, release.most_at_once, imgsz)
    return [*lines, *describe_unknown_taxa(dataset, variant.names)]


def describe_batches(dataset: Dataset, most_at_once: int | None, imgsz: tuple[int, int]) -> list[str]:
    """Say where images go through the model one by one although more are asked for, and what a number of them may cost.

    Args:
        dataset: Asks for them.
        most_at_once: Images that the model takes; None where it leaves that open.
        imgsz: (height, width) of its input in pixels.
    """
    batch = dataset.worker.batch
    if batch == 1:
        return []
    if dataset.model.tile is not None:
        why = "tiles are looked at one by one"
    elif dataset.worker.service is not None:
        why = "a service is asked about one image at a time"
    elif dataset.model.then is not None:
        why = "with two models in a row images are looked at one by one"
    elif most_at_once == 1:
        why = f"the model file takes one image at a time - {EXPORT_HINT}"
    elif isinstance(batch, int):
        images, (height, width) = min(batch, most_at_once or batch), imgsz
        size = size_text(images * height * width * _PIXEL_BYTES)
        return [
            (
                f"worker.batch: {batch} is taken whatever memory there is: the pixels of {images} images are {size} before the "
                "model has made anything of them, and a worker that takes more than cluster.pod.memory "
                f"({dataset.cluster.pod.memory}) is ended - auto takes as many as there is room for"
            )
        ]
    else:
        return []
    return [f"worker.batch: {batch} changes nothing: {why}"]


def describe_unknown_taxa(dataset: Dataset, names: Collection[str]) -> list[str]:
    """Name the taxa of a dataset file that are no class of the model; nothing where all are."""
    unknown = sorted(set(dataset.taxa) - set(names))
    return [f"the model does not know these taxa of the dataset file: {', '.join(unknown)}"] if unknown else []
