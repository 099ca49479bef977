"""One image read as a worker reads it: a few are tried before anybody is told that something has to be mended."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from shoal.bucket.sampled_keys import SEARCHED_OBJECTS, Sample
from shoal.contract.errors import ConfigError
from shoal.contract.rows import ARCHIVES, RESTORE
from shoal.settings.source import Source
from shoal.stores.images import ImageArchived, ImageChanged, ImageDenied, ImageGone
from shoal.stores.listed import ListedObject
from shoal.stores.object_store import ImageStore

TRIED_IMAGES = 5


@dataclass(frozen=True)
class ReadImage:
    """An image that was read.

    Attributes:
        key: Its key.
        size_bytes: What came.
        beside: What lies in an archive, and what was tried before and not read; a line each.
    """

    key: str
    size_bytes: int
    beside: tuple[str, ...]


def read_one(bucket: ImageStore, source: Source, sample: Sample) -> ReadImage:
    """Read the first image that the store gives, of a few spread over the sample that do not lie in an archive.

    Raises:
        ConfigError: None of them is given, or all images lie in an archive.
        StoreError: The store does not answer.
    """
    awake: Sequence[ListedObject] = [image for image in sample.images if image.storage_class not in ARCHIVES]
    beside = []
    if archived := len(sample.images) - len(awake):
        beside = [
            f"{archived} of these images in an archive: they are counted, a run takes them once they are restored"
        ]
    if not awake and not sample.whole:
        awake = _look_on(bucket, source)
    if not awake:
        raise ConfigError(f"Each of the {archived} images that were found lies in an archive: {RESTORE}")
    chosen = awake[:: max(1, len(awake) // TRIED_IMAGES)][:TRIED_IMAGES]
    for image in chosen:
        try:
            fetched = bucket.read(image.key, image.object_version, image.size_bytes)
        except (ImageArchived, ImageChanged, ImageDenied, ImageGone) as err:
            beside.append(f"{image.key!r} was not read: {_why(err)}")
        else:
            return ReadImage(image.key, len(fetched.data), tuple(beside))
    tried = "The one image that was tried" if len(chosen) == 1 else f"None of {len(chosen)} images that were tried"
    raise ConfigError(f"{tried} can be read\n" + "\n".join(beside))


def _look_on(bucket: ImageStore, source: Source) -> list[ListedObject]:
    """Find images behind those in an archive: older years often lie in one, and come first."""
    listed = islice(bucket.list_objects(source.prefix), SEARCHED_OBJECTS)
    awake = (image for image in listed if image.storage_class not in ARCHIVES and source.is_image(image.key))
    return list(islice(awake, TRIED_IMAGES))


def _why(err: Exception) -> str:
    if isinstance(err, ImageGone):
        return "it is gone since it was listed"
    return f"it is another one since it was listed ({err})" if isinstance(err, ImageChanged) else str(err)
