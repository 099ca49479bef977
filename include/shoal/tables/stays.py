"""Deployments as the view `clocked` asks them: which one an image belongs to, and its time as that one corrects it."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from shoal.settings.deployments import Deployment
from shoal.tables.session import Database


def set_stays(database: Database, deployments: Sequence[Deployment], zones: Iterable[str]) -> None:
    """Give the macros of `include/shoal/tables/sql/stays.sql` the deployments, after those of `clock.sql`.

    Args:
        database: The session.
        deployments: All of the dataset.
        zones: Zones of the clock's entries.
    """
    # First: a macro over a variable that is not there yet has no types.
    stays = [_as_json(stay) for stay in deployments]
    database.set_variable("stays", json.dumps(stays))
    database.set_variable("stays_as_they_are", json.dumps([{**stay, "shift_us": None, "zone": None} for stay in stays]))
    database.run_file("stays")
    own = {stay.zone for stay in deployments if stay.zone is not None}
    if own:
        # DuckDB looks a zone up anew for each row whose zone stands in a column, and once where it stands in the query.
        database.run(
            _in_each_zone("utc_of(local_time, zone)", "(local_time AT TIME ZONE {0}) AT TIME ZONE 'UTC'", own, zones)
        )
        database.run(
            _in_each_zone("local_of(utc_time, zone)", "(utc_time AT TIME ZONE 'UTC') AT TIME ZONE {0}", own, zones)
        )


def correct_times(minutes: Sequence[str | None], *, any_stays: bool) -> str:
    """Write the steps of `clocked` from `placed` to `corrected`: local times, zones and moments as a deployment has them.

    Args:
        minutes: For each entry of the clock, what its instants are ahead of UTC: an expression. None where its times are no
            camera's, so that no deployment corrects them.
        any_stays: Whether the dataset has deployments at all.
    """
    entries = range(len(minutes))
    if not any_stays:
        nothing = "".join(
            f", NULL::INTEGER[] AS claims_{n}, NULL::STRUCT(deployment VARCHAR) AS stay_{n}" for n in entries
        )
        return f"corrected AS (SELECT *{nothing} FROM placed)"
    joins = "".join(
        f" LEFT JOIN stays_by_camera(getvariable('{'stays_as_they_are' if ahead is None else 'stays'}')) AS of_{n} "
        f"ON of_{n}.camera = placed.camera_{n} AND of_{n}.written_year = written_year(placed.local_{n})"
        for n, ahead in enumerate(minutes)
    )
    asked = [f"claims_of(of_{n}.stays, local_{n}, zone_{n}, {ahead or 0}, utc_{n})" for n, ahead in enumerate(minutes)]
    claims = "".join(f", possible_claims({claims}, last_modified) AS claims_{n}" for n, claims in enumerate(asked))
    chosen = "".join(f", only_claim(claims_{n}) AS stay_{n}" for n in entries)
    told = ", ".join(
        f"coalesce(stay_{n}.{field}, {name}_{n}) AS {name}_{n}"
        for n in entries
        for name, field in (("local", "local_time"), ("zone", "zone"), ("utc", "utc_time"))
    )
    return (
        f"claimed AS (SELECT placed.*{claims} FROM placed{joins}), "
        f"chosen_stays AS (SELECT *{chosen} FROM claimed), "
        f"corrected AS (SELECT * REPLACE ({told}) FROM chosen_stays)"
    )


def _as_json(stay: Deployment) -> dict[str, str | int | None]:
    start, end = stay.span
    return {
        "camera": stay.camera,
        "name": stay.name,
        "start_at": _timestamp(start),
        "end_at": _timestamp(end),
        "shift_us": None if stay.offset is None else stay.offset // timedelta(microseconds=1),
        "zone": stay.zone,
    }


def _timestamp(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(sep=" ")


def _in_each_zone(macro: str, conversion: str, *zones: Iterable[str]) -> str:
    quoted = ["'" + zone.replace("'", "''") + "'" for zone in sorted(set().union(*zones))]
    cases = " ".join(f"WHEN {zone} THEN {conversion.format(zone)}" for zone in quoted)
    return f"CREATE OR REPLACE MACRO {macro} AS CASE zone {cases} END"
