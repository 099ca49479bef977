"""What it means that a stored object is not there: its kind and run, by its key, and the way out."""

import re

from shoal.contract.errors import ContractError, MovedError, ShoalError
from shoal.contract.minted_names import ATTEMPT, RUN_KEY
from shoal.contract.stored_names import is_file_of_answers, is_month_of_listings, parse_ledger_run

_RESTORE = "restore it from an older version or a backup of the bucket"
_GC = "python -m shoal gc deletes such objects after retention.keep: the summary.json stays, and so do all rows"
_LOST = f"the rows it held are lost with it - {_RESTORE}; else start a new run, which looks at those images again"
_MOVED = frozenset({"Ledger", "Part"})
"""What a summary may take away while somebody reads: the rows lie elsewhere by then, and a retry finds them."""

_KINDS = (
    (
        rf"/ledger/(?P<run>{RUN_KEY})-{ATTEMPT}\.parquet",
        "Ledger",
        f"it may have been written together with others meanwhile - try again; if it stays so, {_LOST}",
    ),
    (
        rf"/parts/(?P<run>{RUN_KEY})-\d+-{ATTEMPT}-\d+\.parquet",
        "Part",
        f"a summary that ends now has moved its rows into a ledger - try again; if it stays so, {_RESTORE} or start a new run",
    ),
    (
        rf"/listings/(?P<run>{RUN_KEY})\.(?:json|parquet)",
        "Listing",
        f"the run cannot be computed again - {_RESTORE}; {_GC}",
    ),
    (
        rf"/runs/(?P<run>{RUN_KEY})/(?:manifest|remaining-\d+-{ATTEMPT})\.parquet",
        "Manifest",
        f"the run cannot be computed again - {_RESTORE}; {_GC}",
    ),
    (
        rf"/runs/(?P<run>{RUN_KEY})/plan\.json",
        "Plan",
        f"nothing tells what the run was - {_RESTORE}, or start a new run",
    ),
    (
        rf"/runs/(?P<run>{RUN_KEY})/summary\.json",
        "Summary",
        f"the run has no answer - clear its task summarize, or {_RESTORE}",
    ),
    (
        rf"/runs/(?P<run>{RUN_KEY})/summary-{ATTEMPT}/[^/]+",
        "File of the summary",
        f"it can be read no more - {_RESTORE}; {_GC}",
    ),
)


def gone(key: str, bucket: str) -> ShoalError:
    """Say that an object which must be there is not: what it was, of which run, and what to do.

    Returns:
        A MovedError for a part or a ledger, whose rows may have been moved while somebody read; a ContractError for all others.
    """
    if is_file_of_answers(key):
        return ContractError(
            f"{key!r}, a file of the answer of every run whose summary names it, is not in bucket {bucket!r}: it can be read no "
            f"more - {_RESTORE}, or start a new run, which writes it again if its answer is the same there; {_GC}"
        )
    if is_month_of_listings(key):
        return ContractError(
            f"{key!r}, a month of images of every listing that names it, is not in bucket {bucket!r}: runs on these listings "
            f"cannot be computed again - {_RESTORE}, or start a new run, which lists the bucket anew; python -m shoal gc deletes "
            "such a file with the last listing that names it"
        )
    for pattern, what, then in _KINDS:
        if found := re.search(f"{pattern}$", f"/{key}"):
            kind = MovedError if what in _MOVED else ContractError
            return kind(f"{what} {key!r} of run {found['run']} is not in bucket {bucket!r}: {then}")
    return ContractError(f"No object {key!r} in bucket {bucket!r} - it was removed or never written")


def lost_ledger(key: str, bucket: str) -> ContractError:
    """Say that a ledger is not there, and that no other one holds its rows: trying again cannot help."""
    return ContractError(f"Ledger {key!r} of run {parse_ledger_run(key)} is not in bucket {bucket!r}: {_LOST}")
