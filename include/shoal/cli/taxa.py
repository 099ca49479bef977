"""`python -m shoal taxa DATASET`: the model's classes beside what the dataset file says of them, and the lines that are missing.

Nothing is written, and nothing here costs an inference: taxa are applied by the summary. Exit status 1 when a class is missing, a
taxon has no identifier, or two have one.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence

from shoal.cli._reach import add_dataset, find_dataset, reach_stores
from shoal.cli._tell import tell
from shoal.contract.errors import shown
from shoal.settings.dataset import Dataset
from shoal.settings.taxa import find_double_ids, taxon_of
from shoal.settings.taxa_table import lines_to_add, table_lines, without_id

SHOWN_NAMES = 8


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    add_dataset(parser, by_file=True)


def execute(arguments: Namespace) -> int:
    """Show classes and taxa."""
    from shoal.models.choice import Shelf  # noqa: PLC0415 - other commands do not need it

    dataset = find_dataset(arguments.dataset, by_file=True)
    with reach_stores(dataset) as stores:
        variant = Shelf(stores, dataset, None).first()
    names = list(variant.names)
    tell(f"{variant.title}, {len(names)} classes\n", *table_lines(names, dataset.taxa))
    faults = list(_faults(dataset, names))
    tell(*([""] if faults else []), *faults)
    missing = list(lines_to_add(names, dataset.taxa))
    if missing:
        where = f"below taxa: in {dataset.name}.yaml" if dataset.taxa else f"to {dataset.name}.yaml"
        tell(f"\nto add {where}", *([] if dataset.taxa else ["taxa:"]), *missing)
    return 1 if faults or missing else 0


def _faults(dataset: Dataset, names: Sequence[str]) -> Iterator[str]:
    taxa = dataset.taxa
    yield from find_double_ids({name: taxon_of(name, taxa) for name in [*names, *taxa]}, taxa)
    if unknown := [
        name for name in taxa if name not in names and name not in {entry.merge_into for entry in taxa.values()}
    ]:
        yield f"not among the model's classes: {_listed(unknown)} - correct the names, or leave them for another version"
    if nameless := without_id(names, taxa):
        yield f"without AphiaID or GBIF key: {_listed(nameless)}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(shown(name, 80) for name in names[:SHOWN_NAMES]) + more
