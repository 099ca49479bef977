"""estimates.json and findings.json of an answer, read as they were written."""

import hashlib
from typing import Any

from shoal.contract.errors import ContractError
from shoal.contract.json_bounds import most_bytes
from shoal.results.stored_summary import StoredSummary
from shoal.stores.object_store import ObjectStore


def read_file(results: ObjectStore, summary: StoredSummary, name: str) -> dict[str, Any]:
    """Read one of the two of an answer, as it was written.

    Args:
        results: The results bucket.
        summary: Of the run; it names the file.
        name: Which one.

    Raises:
        ContractError: It is gone, or was changed since; it says of which run it is, and what to do.
    """
    file = summary.named[name]
    try:
        data = results.find_bytes(file.key, most_bytes(file.key, results.json_times))
    except ContractError:
        data = b""  # what is written is smaller
    if data is None or hashlib.sha256(data).hexdigest() != file.sha256:
        what = "is gone" if data is None else "was changed after it was written"
        raise ContractError(
            f"{name} of run {summary.dataset}/{summary.run_key} {what}: {file.key} in bucket {results.bucket!r} - "
            f"{way_out(summary.dataset)}"
        )
    return results.read_json(file.key)


def way_out(dataset: str) -> str:
    """Say what to do where one of them cannot be read."""
    return f"restore it from a copy of the bucket, or make the answer's anew: python -m shoal summarize {dataset} --publish"
