"""estimates.json and findings.json of an answer, read as they were written."""

import hashlib
from typing import Any

from shoal.contract.errors import ContractError
from shoal.results.summary_files import SummaryFile
from shoal.stores.object_store import ObjectStore


def read_file(results: ObjectStore, file: SummaryFile) -> dict[str, Any]:
    """Read one of the two of an answer, as it was written.

    Raises:
        ContractError: It is gone, larger than its readers take, or was changed since.
    """
    value = results.read_json(file.key)  # it looks at the size first
    if hashlib.sha256(results.read_bytes(file.key)).hexdigest() != file.sha256:
        raise ContractError(f"{file.key} was changed after it was written - restore it from a copy of the bucket")
    return value
