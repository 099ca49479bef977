"""What a run's images give at several thresholds: computed by the same SQL as any answer, stored nowhere."""

from collections.abc import Sequence
from dataclasses import dataclass

from shoal.contract.layout import VariantLayout
from shoal.results.ledger import find_sources
from shoal.results.read_again import read_listed
from shoal.results.stored_plan import StoredPlan
from shoal.settings.dataset_stores import Stores
from shoal.summary.tables import build_tables, count
from shoal.tables.session import Database

_SEEN = "SELECT taxon, detections::BIGINT, images_with::BIGINT, maxn::BIGINT FROM species ORDER BY taxon"


@dataclass(frozen=True)
class Seen:
    """What a threshold leaves of a taxon.

    Attributes:
        detections: Its boxes in used images.
        images_with: Used images with at least one of them.
        maxn: Most of them in one image.
    """

    detections: int
    images_with: int
    maxn: int


@dataclass(frozen=True)
class AtThreshold:
    """The numbers at one threshold.

    Attributes:
        conf: In place of every threshold of the dataset file.
        used: Images that count as effort: a class that makes images unusable is under the threshold, too.
        taxa: By name.
    """

    conf: float
    used: int
    taxa: dict[str, Seen]


def count_at(stores: Stores, layout: VariantLayout, plan: StoredPlan, confs: Sequence[float]) -> list[AtThreshold]:
    """Count a run's images at each of these thresholds.

    Args:
        stores: The dataset's buckets.
        layout: The run's variant.
        plan: Its plan, with the settings that count.
        confs: The thresholds, in the order of the answer.

    Raises:
        ContractError: What the run is computed from is not there.
        StoreError: The results bucket does not answer.
    """

    def read(database: Database) -> list[AtThreshold]:
        build_tables(database, plan, layout.run(plan.rows_run), find_sources(database, layout, plan))
        return [_count_one(database, plan, conf) for conf in confs]

    return read_listed(stores.results, plan.settings.run, read, images=plan.counts.listed)


def _count_one(database: Database, plan: StoredPlan, conf: float) -> AtThreshold:
    count(database, plan, conf)
    used = int(database.value("SELECT count(*) FROM images WHERE use = 'used'"))
    return AtThreshold(conf, used, {name: Seen(*told) for name, *told in database.run(_SEEN).fetchall()})
