"""A run's answer as JSON: `result`, the same for the same inputs, and `run`, what depends on the way there."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from shoal.bucket.sieve import ListingCounts
from shoal.contract.errors import ContractError
from shoal.contract.failed_share import failed_too_often
from shoal.contract.hashing import canonical_sha256
from shoal.contract.rows import NO_IMAGES
from shoal.contract.tasks.classify import CLASSIFY
from shoal.contract.tasks.detect import DETECT
from shoal.contract.tasks.segment import SEGMENT
from shoal.contract.units import utc_text
from shoal.evidence.repeats.decisions import Decision
from shoal.evidence.said import Said
from shoal.results.stored_plan import StoredPlan
from shoal.summary.balance import Balance
from shoal.summary.deployments import read_deployed
from shoal.tables.clock_table import read_clock_table
from shoal.tables.odd_cameras import say_devices
from shoal.tables.session import Database

USES = ("used", "duplicate", "undated", "unusable", "failed")
_DAMAGED = """
    SELECT regexp_replace(damaged, '0x[0-9a-fA-F]+|[0-9]+', 'N', 'g'), count(*)::BIGINT
    FROM images WHERE damaged IS NOT NULL GROUP BY 1
"""
"""Kinds of damage: a decoder's words without the numbers in them."""

_AXIS = """
    SELECT camera, start_at AS "from", end_at AS "to", told_by, outside_images, outside_first, outside_last
    FROM axis ORDER BY camera
"""

_UNSCORED = "SELECT count(*) FROM images WHERE use = 'used' AND list_max(class_scores) IS NULL"

MOST_GAPS = 20
"""Gaps that a summary names; all of them are in their own table."""

_LONGEST = f"""
    SELECT camera, deployment, gap_start AS "from", gap_end AS "to", cause FROM gaps
    ORDER BY gap_end - gap_start DESC, camera, gap_start LIMIT {MOST_GAPS}
"""

SETTINGS_OF_NUMBERS = ("clock", "taxa", "usable", "deployments", "report")


def read_result(
    database: Database,
    plan: StoredPlan,
    balance: Balance,
    said: Said = Said(),  # noqa: B008 - frozen
) -> dict[str, Any]:
    """Read the part of a summary that the same images, model and settings always give.

    Args:
        database: Holds the tables of `build_tables`.
        plan: The run's plan.
        balance: The first balance.
        said: What people had said.

    Raises:
        ContractError: The second balance does not close.
    """
    uses = _count_by(database, "SELECT use, count(*)::BIGINT FROM images GROUP BY 1")
    examined = int(database.value("SELECT count(*) FROM images"))
    if sum(uses.values()) != examined or not uses.keys() <= set(USES) or examined != balance.examined:
        raise ContractError(f"Second balance of run {plan.run_key} does not close: examined {balance.examined}, {uses}")
    conf = plan.params.conf
    return {
        "dataset": plan.dataset,
        **plan.copied("scope", "model"),
        "variant_sha256": plan.variant.sha256,
        **plan.copied("names"),
        "conf": conf if conf is not None else plan.settings.conf,
        "conf_replaces_every_class": conf is not None,
        "settings": {name: plan.settings_json[name] for name in SETTINGS_OF_NUMBERS},
        "examined": examined,
        "balance": {use: uses.get(use, 0) for use in USES},
        "failed_by_reason": _count_by(
            database, "SELECT reason, count(*)::BIGINT FROM images WHERE use = 'failed' GROUP BY 1"
        ),
        "damaged_by_words": _count_by(database, _DAMAGED),
        "clock_flags": _count_by(
            database, "SELECT clock_flag, count(*)::BIGINT FROM images WHERE clock_flag IS NOT NULL GROUP BY 1"
        ),
        "censored_images": int(database.value("SELECT count(*) FROM images WHERE use = 'used' AND max_det_reached")),
        "species": _plain(database.records("SELECT * FROM species ORDER BY detections DESC, taxon")),
        "series": _plain(database.records("SELECT * FROM series ORDER BY camera, deployment NULLS FIRST, taxon")),
        "axis": _plain(database.records(_AXIS)),
        "gaps": {
            "number": int(database.value("SELECT count(*) FROM gaps")),
            "longest": _plain(database.records(_LONGEST)),
        },
        "deployments": read_deployed(database, plan.settings.deployments),
        "undated_species": database.records("SELECT * FROM undated_species ORDER BY detections DESC, taxon"),
        "overlaps": _plain(database.records("SELECT * FROM overlapping_taxa ORDER BY taxon_a, taxon_b")),
        "left_out": ListingCounts.of(asdict(plan.listing)).lasting.left_out(),
        # The numbers of a run that left images would pass for those of all.
        "counts_sha256": _hash_digest(database, "counts_digest") if balance.complete else None,
        "gaps_sha256": _hash_digest(database, "gaps_digest") if balance.complete else None,
        **_tell_task(database, plan),
        **({"inputs": said.inputs} if said.inputs else {}),
        **_tell_repeats(database, said.decisions),
        **said.tell_labels(),
    }


_WITHOUT_REPEATS = """
    SELECT taxon, count(*)::BIGINT AS detections, count(repeat)::BIGINT AS repeats,
        (count(*) - count(repeat))::BIGINT AS detections_without, count(DISTINCT key)::BIGINT AS images_with,
        count(DISTINCT key) FILTER (repeat IS NULL)::BIGINT AS images_with_without
    FROM detections JOIN (SELECT key, use FROM images) USING (key) LEFT JOIN repeat_boxes USING (key, position)
    WHERE role = 'count' AND use = 'used' AND taxon IN (SELECT taxon FROM decisions WHERE is_repeat)
    GROUP BY taxon ORDER BY taxon
"""


def _tell_repeats(database: Database, decisions: Sequence[Decision]) -> dict[str, Any]:
    """Tell which words of people on repeat detections were heard, and the taxa's numbers with and without them."""
    if not decisions:
        return {}
    return {
        "repeats": {"decisions": sorted(one.id for one in decisions), "taxa": database.records(_WITHOUT_REPEATS)},
    }


def _tell_task(database: Database, plan: StoredPlan) -> dict[str, Any]:
    """Tell what the model is for, unless it finds upright boxes only; how much a segmenter's taxa cover, what has no scores."""
    told: dict[str, Any] = {**_tell_then(database, plan), **({} if plan.task == DETECT.name else {"task": plan.task})}
    if plan.task == SEGMENT.name:
        told["covered"] = database.records("FROM covered ORDER BY taxon")
    if plan.task == CLASSIFY.name:
        told["unscored_images"] = int(database.value(_UNSCORED))
    return told


def _tell_then(database: Database, plan: StoredPlan) -> dict[str, Any]:
    """Tell of a second model in a row, and what the first one called what is counted; nothing where there is none."""
    if plan.then is None:
        return {}
    renamed = database.records("FROM renamed ORDER BY detections DESC, first_class, taxon")
    return {**plan.copied("then"), "first_classes": _plain(renamed)}


def read_run_facts(database: Database, plan: StoredPlan, balance: Balance) -> dict[str, Any]:
    """Read the part of a summary that tells how this run got there."""
    if plan.of_run is not None:
        return _tell_resummary(database, plan, balance)
    image = f"coalesce(reason NOT IN ({', '.join(repr(str(reason)) for reason in sorted(NO_IMAGES))}), true)"
    shards = database.records(
        "SELECT shard, count(*)::BIGINT AS images, count(*) FILTER (fate <> 'unsettled')::BIGINT AS settled, "
        f"count(*) FILTER (fate = 'failed' AND {image})::BIGINT AS failed, "
        f"count(*) FILTER (fate IN ('processed', 'failed') AND {image})::BIGINT AS tried "
        "FROM accounted WHERE shard IS NOT NULL GROUP BY shard ORDER BY shard"
    )
    own = "FROM accounted WHERE run_key = getvariable('run_key') AND fate <> 'reused'"
    tolerated = plan.settings.run.tolerated_failed_share
    return {
        **tell_planned(plan, balance),
        "clock": _read_clock(database, plan),
        "shards": shards,
        "stopped_shards": [
            entry["shard"]
            for entry in shards
            if entry["settled"] < entry["images"] and failed_too_often(entry["failed"], entry["tried"], tolerated)
        ],
        "etag_unchecked_images": _count_unchecked(database),
        "inference_seconds": round(
            int(database.value(f"SELECT coalesce(sum(microseconds(seconds)), 0) {own}")) / 1e6, 3
        ),
        "worker_versions": _releases(database, own),
        "examined_with": _releases(database, _EXAMINED),
    }


def _tell_resummary(database: Database, plan: StoredPlan, balance: Balance) -> dict[str, Any]:
    """Tell of a run that looked at no image itself."""
    return {
        **tell_planned(plan, balance),
        "clock": _read_clock(database, plan),
        "shards": [],
        "stopped_shards": [],
        "etag_unchecked_images": _count_unchecked(database),
        "inference_seconds": 0.0,
        "worker_versions": [],
        "examined_with": _releases(database, _EXAMINED),
    }


def tell_planned(plan: StoredPlan, balance: Balance) -> dict[str, Any]:
    """Tell of a run what its plan and the first balance say."""
    return {
        **plan.copied("run_key", "dag_run", "params"),
        "of_run": plan.of_run,
        "listing": {"key": plan.listing.key, "listed_at": utc_text(plan.listing.frozen_at.listed_at)},
        "balance": balance.to_json(),
        "silent": None if plan.silent is None else [asdict(silent) for silent in plan.silent],
    }


_EXAMINED = "FROM accounted WHERE fate IN ('reused', 'processed', 'failed')"
"""Rows of every image that was examined, whichever run wrote them."""


def _releases(database: Database, rows: str) -> list[str]:
    """Tell which releases of the worker wrote some rows."""
    said = f"SELECT DISTINCT worker_version AS release {rows} AND worker_version IS NOT NULL ORDER BY 1"
    return [str(record["release"]) for record in database.records(said)]


def _count_unchecked(database: Database) -> int:
    return int(database.value("SELECT count(*) FROM images WHERE NOT version_checked"))


def _hash_digest(database: Database, view: str) -> str:
    return canonical_sha256(database.records(f"FROM {view}")[0])


def _count_by(database: Database, sql: str) -> dict[str, int]:
    return dict(sorted(database.run(sql).fetchall()))


def _plain(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Write times as ISO 8601 UTC; everything else is JSON already."""
    return [
        {name: utc_text(value) if isinstance(value, datetime) else value for name, value in record.items()}
        for record in records
    ]


def _read_clock(database: Database, plan: StoredPlan) -> dict[str, Any]:
    clock = plan.settings.clock
    table = read_clock_table(database, clock, plan.dataset, after_reading=True)
    return replace(table, odd=(*table.odd, *say_devices(database, clock))).to_json()
