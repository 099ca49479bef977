"""From which scores a run counts, by taxon, and whether one thing may be two boxes below them."""

from collections.abc import Iterator

from shoal.results.stored_plan import StoredPlan
from shoal.settings.analysis import Taxon
from shoal.settings.taxa import COUNT, role_of, taxon_of


def confs_of(plan: StoredPlan) -> dict[str, tuple[float, ...]]:
    """Say by taxon from which scores a run counts its classes: several where they differ.

    A box that a second model calls something counts from the score of the class that this is, where it has one of its own, else
    from that of the first model's class: see `then.sql`.
    """
    settings, found = plan.settings, dict[str, set[float]]()
    of_first = {_own(plan, name) or settings.conf for name in _counting_firsts(plan)} or {settings.conf}
    said = frozenset(() if plan.then is None else plan.then.names)
    firsts = frozenset(_firsts(plan))
    for name in plan.names:
        if role_of(name, settings.taxa) != COUNT:
            continue
        if own := _own(plan, name):
            confs = {own}
        else:
            confs = ({settings.conf} if name in firsts else set()) | (of_first if name in said else set())
        found.setdefault(taxon_of(name, settings.taxa), set()).update(confs)
    return {taxon: tuple(sorted(confs)) for taxon, confs in found.items()}


def all_are_merged(plan: StoredPlan) -> bool:
    """Say whether boxes of several classes of a first model may be any one taxon, as if these were merged."""
    return plan.then is not None and len(list(_counting_firsts(plan))) > 1


def _firsts(plan: StoredPlan) -> tuple[str, ...]:
    return plan.names if plan.then is None else plan.names[: plan.then.first_classes]


def _counting_firsts(plan: StoredPlan) -> Iterator[str]:
    """Name the first model's classes that a second one may call something else: people, above all, stay what they are."""
    return (name for name in _firsts(plan) if role_of(name, plan.settings.taxa) == COUNT)


def _own(plan: StoredPlan, name: str) -> float | None:
    return plan.params.conf or plan.settings.taxa.get(name, Taxon()).conf
