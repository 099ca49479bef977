"""What the pages of reviews that were written are known by."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from shoal.contract.layout import FORMAT_VERSION, DatasetLayout
from shoal.contract.stored_json import reading, take
from shoal.evidence.review.design import Review
from shoal.evidence.stored import read_evidence, store_json
from shoal.stores.object_store import ObjectStore


def store_page(  # noqa: PLR0917 - what it is known by
    results: ObjectStore, layout: DatasetLayout, review: Review, html: bytes, data: bytes, without: Sequence[int]
) -> str:
    """Store what a written page is known by, so that one that was edited is told from it; return the page's sha256.

    Args:
        results: The results bucket.
        layout: The dataset.
        review: Whose page it is.
        html: The file.
        data: What its script has.
        without: Numbers of its images that have no picture: nobody could label them.
    """
    digest = hashlib.sha256(html).hexdigest()
    store_json(
        results,
        layout,
        "reviews",
        {
            "format_version": FORMAT_VERSION,
            "kind": "page",
            "design": review.name,
            "sha256": digest,
            "data_sha256": hashlib.sha256(data).hexdigest(),
            "without_picture": list(without),
        },
    )
    return digest


@dataclass(frozen=True)
class KnownPage:
    """A page that was written: of which design, the sha256 of the file and of the data in it, which images it does not show."""

    design: str
    sha256: str
    data_sha256: str
    without: tuple[int, ...] = ()


def read_pages(results: ObjectStore, layout: DatasetLayout) -> list[KnownPage]:
    """Read what all pages are known by."""
    found = []
    for _, key, stored in read_evidence(results, layout, "reviews"):
        if stored.get("kind") == "page":
            with reading(f"Review {key}", "restore it from a copy of the bucket"):
                design, sha256, data_sha256 = (take(stored, name, str) for name in ("design", "sha256", "data_sha256"))
                found.append(KnownPage(design, sha256, data_sha256, tuple(stored.get("without_picture", ()))))
    return found
