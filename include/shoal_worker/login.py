"""Whether the login still reads images: only then is what it is refused the image's own trouble, and not the login's."""

from collections.abc import Sequence

from shoal.contract.errors import ConfigError, StoreError
from shoal.stores.images import ImageArchived, ImageChanged, ImageDenied, ImageGone, ImageMissing, ImageSource
from shoal_worker.rows.parts import ListedImage


class Login:
    """The login that a source reads with.

    Args:
        source: Reads images with it.
        witnesses: Tell whether it is good, one after another, where no image of the shard does.
    """

    def __init__(self, source: ImageSource, witnesses: Sequence[ListedImage] = ()) -> None:
        self._source = source
        self._witnesses = witnesses
        self._last_read: ListedImage | None = None

    def has_read(self, image: ListedImage) -> None:
        """Note an image that it read; from any thread."""
        self._last_read = image

    def still_reads(self) -> bool:
        """Try whether the login still reads an image: the one that it read last, else one of the witnesses.

        A witness that is refused may itself lie in the folder that is; once one is read, no other is asked for.
        """
        if (last := self._last_read) is not None:
            return self._reads(last) is True
        for image in self._witnesses:
            if (answer := self._reads(image)) is not False:
                return answer is True
        return False

    def is_still_missing(self, image: ListedImage) -> bool:
        """Look again for an image that was not there; where anything else is said of it, nothing is known of it yet."""
        try:
            self._source.read(image.key, image.object_version, image.size_bytes)
        except ImageMissing:
            return True
        except (ImageArchived, ImageChanged, ImageDenied, ImageGone, StoreError, ConfigError):
            return False
        return False

    def _reads(self, image: ListedImage) -> bool | None:
        """Try to read an image; None where the store is in trouble, and another one would tell no more."""
        try:
            self._source.read(image.key, image.object_version, image.size_bytes)
        except (ImageArchived, ImageChanged, ImageDenied, ImageGone):
            return False
        except (StoreError, ConfigError):
            return None
        self._last_read = image
        return True
