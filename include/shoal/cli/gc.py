"""`python -m shoal gc DATASET`: delete what only recomputing an old run needs; --dry-run shows it and deletes nothing.

Rows, plans and summaries are never deleted. Nothing starts this by itself: put it into a cron job if you like.
"""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from shoal.cli._json import add_json, print_json
from shoal.cli._reach import add_dataset, find_dataset, reach_results
from shoal.cli._tell import tell
from shoal.contract.errors import ConfigError
from shoal.contract.stored_names import Kind
from shoal.contract.units import format_duration, parse_duration

if TYPE_CHECKING:
    from shoal.history.gc import Survey
    from shoal.history.retention import Stored

SHORTEST = timedelta(days=2)
"""A continuation may share a listing that is a day old."""

NAMES = {
    Kind.LISTING: "listings",
    Kind.SHARED: "shared files",
    Kind.MANIFEST: "manifests",
    Kind.FILE: "summary files",
    Kind.ATTEMPT: "failed attempts",
    Kind.PLAN: "plans",
    Kind.SUMMARY: "summaries",
    Kind.ROWS: "rows",
    Kind.IMAGE_FILE: "files of images",
    Kind.EVIDENCE: "samples and labels",
    Kind.RECORD: "records",
    Kind.OTHER: "other objects",
}


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    add_dataset(parser)
    parser.add_argument("--dry-run", action="store_true", help="show what would be deleted, delete nothing")
    parser.add_argument(
        "--keep", type=_keep, metavar="AGE", help="such as 30d, in place of the dataset file's retention.keep (90d)"
    )
    add_json(parser)


def execute(arguments: Namespace) -> int:
    """Show what is there, what of it goes and why the rest stays; then delete."""
    from shoal.history.gc import delete, survey, terms_of  # noqa: PLC0415 - other commands do not need it

    dataset = find_dataset(arguments.dataset)
    with reach_results(arguments.dataset, dataset) as stores:
        found = survey(stores.results, stores.layout, terms_of(dataset, stores.results, arguments.keep))
        if not arguments.json:
            tell(_table(found))
        deleted = None if arguments.dry_run else delete(stores.results, stores.layout, found)
    if arguments.json:
        print_json(_as_json(dataset.name, found, deleted))
    elif deleted is None:
        tell(f"dry run: {len(found.goes)} objects would be deleted, none was")
    else:
        tell(f"deleted {len(deleted)} objects, {_mb(sum(entry.size_bytes for entry in deleted))} MB")
    return 0


def _as_json(dataset: str, found: "Survey", deleted: "Sequence[Stored] | None") -> dict[str, Any]:
    return {
        "dataset": dataset,
        "dry_run": deleted is None,
        "objects": [
            {"what": NAMES[kind], "kept": stays, "because": reason, "objects": objects, "size_bytes": size_bytes}
            for (kind, stays, reason), (objects, size_bytes) in _count(found).items()
        ],
        "goes": len(found.goes),
        "deleted": len(deleted or ()),
        "deleted_bytes": sum(entry.size_bytes for entry in deleted or ()),
        "unfinished_uploads": len(found.uploads),
        "uploads_unknown": found.uploads_unknown,
    }


def _count(found: "Survey") -> dict[tuple[Kind, bool, str], tuple[int, int]]:
    """Count every object once, and its bytes: by what it is, whether it stays, and why; in the order of NAMES."""
    objects: Counter[tuple[Kind, bool, str]] = Counter()
    sizes: Counter[tuple[Kind, bool, str]] = Counter()
    for verdict in found.verdicts:
        line = (verdict.stored.name.kind, not verdict.goes, verdict.reason)
        objects[line] += 1
        sizes[line] += verdict.stored.size_bytes
    order = list(NAMES)
    return {
        line: (objects[line], sizes[line])
        for line in sorted(objects, key=lambda line: (order.index(line[0]), *line[1:]))
    }


def _table(found: "Survey") -> str:
    """Write what lies there, what of it goes and why."""
    rows = [("WHAT", "OBJECTS", "MB", "", "BECAUSE")]
    for (kind, stays, reason), (objects, size_bytes) in _count(found).items():
        rows.append((NAMES[kind], str(objects), _mb(size_bytes), "kept" if stays else "goes", reason))
    if found.uploads:
        rows.append(("unfinished uploads", str(len(found.uploads)), "", "goes", "begun more than a day ago"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:<{widths[3]}}  {row[4]}".rstrip()
        for row in rows
    ]
    if found.uploads_unknown:
        lines.append(f"unfinished uploads are not looked for: {found.uploads_unknown}")
    return "\n".join(lines)


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f}"


def _keep(text: str) -> timedelta:
    try:
        keep = parse_duration(text)
    except ConfigError as err:
        raise ArgumentTypeError(str(err)) from err
    if keep < SHORTEST:
        raise ArgumentTypeError(f"{text} is too short, runs share listings - keep {format_duration(SHORTEST)} or more")
    return keep
