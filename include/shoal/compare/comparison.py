"""Two answers side by side for people: the agreement, both series, and the images that differ most with both sets of boxes.

Everything in it is bounded, whatever the archive: it becomes one page, or a section of a report.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shoal.answers.find import StoredRun
from shoal.answers.where import Where
from shoal.compare.agreement import Agreement, TaxonAgreement
from shoal.compare.differed import Differed, find_people, read_differed
from shoal.compare.series import Series, read_series
from shoal.compare.two_runs import compare_runs
from shoal.contract.errors import ConfigError, NoRoomError, one_line, shown
from shoal.contract.tasks.classify import CLASSIFY
from shoal.results.stored_plan import StoredPlan
from shoal.results.thresholds import confs_of
from shoal.settings.analysis import Taxon
from shoal.settings.changed import tell_differences
from shoal.tables.session import Database

MOST_TAXA = 60
"""Taxa told of, those with most boxes of both first; all of them are in `--json`."""

LONGEST_WORD = 10
"""Characters of a model version that stands before each name in a picture; of longer ones the pictures say first and second."""


@dataclass(frozen=True)
class Comparison:
    """Two answers side by side.

    Attributes:
        agreement: The numbers.
        words: What the two are called in pictures and charts.
        taxa: Of the agreement, those that are told of, the most frequent first.
        confs: By taxon, from which scores it counts in the first and in the second.
        zone: Of the days.
        series: Both over time.
        differed: Images that differ most, without those that show people.
        with_people: Images that differ and show people: none of them is shown.
        unshown: Why no image may be shown at all; empty where they may.
        whole_images: Whether both take images as a whole for a taxon, and count nothing in them.
        changed: Where both are of one model version, what of their inference differs, in words; empty where versions do.
    """

    agreement: Agreement
    words: tuple[str, str]
    taxa: tuple[TaxonAgreement, ...]
    confs: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]]
    zone: str
    series: Series
    differed: tuple[Differed, ...]
    with_people: int = 0
    unshown: str = ""
    whole_images: bool = False
    changed: str = ""


def read_comparison(
    database: Database,
    first: StoredRun,
    second: StoredRun,
    taxa: Mapping[str, Taxon],
    where: Where = Where(),  # noqa: B008 - frozen
) -> Comparison:
    """Compare two runs and read what is shown of it.

    Args:
        database: A session on the results bucket.
        first: The one.
        second: The other.
        taxa: Those of the dataset file of today: who is a person now is one in every run.
        where: Which images are asked for.

    Raises:
        NothingInCommonError: They have no image in common that both use.
        NotOfOneKindError: One counts boxes and the other one images.
        NoRoomError: Memory or disk is too small.
        ContractError: A stored table is gone.
    """
    agreement = compare_runs(database, first, second, where, taxa)
    told = sorted(agreement.taxa, key=lambda taxon: (-taxon.first - taxon.second, taxon.taxon))[:MOST_TAXA]
    names = [taxon.taxon for taxon in told]
    words = _words(first.plan, second.plan)
    try:
        find_people(database, (first, second), taxa, where)
        unshown = ""
    except NoRoomError:  # of today, and of the whole comparison
        raise
    except ConfigError as err:
        unshown = one_line(err)
    database.set_variable("compared_taxa", [taxon.taxon for taxon in agreement.taxa])
    differed, with_people = ((), 0) if unshown else read_differed(database, words)
    confs = [confs_of(run.plan) for run in (first, second)]
    return Comparison(
        agreement,
        words,
        tuple(told),
        {name: (confs[0].get(name, ()), confs[1].get(name, ())) for name in names},
        first.plan.settings.report.zone,
        read_series(database, names),
        differed,
        with_people,
        unshown,
        second.plan.task == CLASSIFY.name,
        tell_changed(first.plan, second.plan),
    )


def tell_changed(first: StoredPlan, second: StoredPlan) -> str:
    """Say in which settings of inference two runs of one model version differ; empty where they are of two, or do not differ."""
    if first.models != second.models or first.variant.sha256 == second.variant.sha256:
        return ""
    before, after = first.settings, second.settings
    worker = before.worker.model_copy(update={"service": after.worker.service})
    changed = tell_differences(before, before.model_copy(update={"model": after.model, "worker": worker}))
    return changed or (
        "the model file" if first.models_with_hash != second.models_with_hash else "how images are inferred"
    )


def _words(first: StoredPlan, second: StoredPlan) -> tuple[str, str]:
    versions = shown(first.model.version), shown(second.model.version)
    if versions[0] == versions[1] and first.then and second.then:
        versions = shown(first.then.model.version), shown(second.then.model.version)
    short = all(len(version) <= LONGEST_WORD and " " not in version for version in versions)
    return versions if short and versions[0] != versions[1] else ("first", "second")
