"""The Airflow pools that dataset files name: made before they are needed, and missed aloud where they are not there.

Airflow's scheduler never starts a task whose pool does not exist, and says so in its own log only. Tasks cannot ask for
pools, and the DAG processor has no database; so the scheduler itself looks when it starts a run (`fail_without_pools`), and
`check` looks before.
"""

import logging
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.listeners import hookimpl

from shoal.airflow.run_notes import write_note
from shoal.contract.errors import ConfigError

if TYPE_CHECKING:
    from airflow.models import DagRun
    from airflow.models.pool import Pool
    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

DEFAULT_SLOTS = 16
"""Shards at once, over all runs of all datasets that share a pool, until somebody says otherwise."""
DESCRIPTION = "Shoal shards at work"


def how_to_make(pool: str, slots: int = DEFAULT_SLOTS, description: str = DESCRIPTION) -> str:
    """Write the command that makes a pool, or makes one anew: whatever it does not say is lost of a pool that is there.

    Shards are deferred while their pod runs, and must count then.
    """
    return f"airflow pools set {shlex.quote(pool)} {slots} {shlex.quote(description)} --include-deferred"


def make_pools(names: Iterable[str], slots: int) -> list[str]:
    """Make the pools that are not there, leave those that are as they are; return the new ones.

    Raises:
        ConfigError: Airflow's database does not answer.
    """
    from airflow.models.pool import Pool  # noqa: PLC0415 - its database is needed here only

    with _database() as session:
        new = _missing(session, names)
        session.add_all(Pool(pool=name, slots=slots, description=DESCRIPTION, include_deferred=True) for name in new)
        return new


def check_pool(name: str) -> str:
    """Tell how many slots a pool has.

    Raises:
        ConfigError: It does not exist, or forgets deferred shards; or Airflow's database does not answer.
    """
    from airflow.models.pool import Pool  # noqa: PLC0415
    from sqlalchemy import select  # noqa: PLC0415

    with _database() as session:
        pool = session.scalar(select(Pool).where(Pool.pool == name))
        if pool is None:
            raise ConfigError(_describe_missing([name]))
        if not pool.include_deferred:
            raise ConfigError(_describe_forgetful(pool))
        return f"{pool.slots} shards at once in {name!r}, over all runs of all datasets that name it"


@hookimpl
def on_dag_run_running(dag_run: "DagRun", msg: str) -> None:  # noqa: ARG001 - Airflow's signature
    """Fail a run of Shoal's that would wait for ever; the scheduler calls this in its own session when it starts one."""
    from airflow.callbacks.database_callback_sink import DatabaseCallbackSink  # noqa: PLC0415
    from airflow.utils.state import DagRunState  # noqa: PLC0415
    from sqlalchemy.orm import object_session  # noqa: PLC0415

    session, dag = object_session(dag_run), getattr(dag_run, "dag", None)
    if session is None or dag is None or "shoal" not in dag.tags:
        return
    if missing := _missing(session, {task.pool for task in dag.tasks}):
        why = _describe_missing(missing)
        write_note(dag_run, [why])
        dag_run.set_state(DagRunState.FAILED)
        log.error("Run %s of %s: %s", dag_run.run_id, dag_run.dag_id, why)
        # The scheduler asks for this where it fails a run itself; the DAG processor then tells who is to be told.
        if dag.has_on_failure_callback and (told := dag_run.produce_dag_callback(dag, success=False, reason=why)):
            DatabaseCallbackSink().send(told, session=session)


@contextmanager
def _database() -> Iterator["Session"]:
    from airflow import settings  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    settings.initialize()  # type: ignore[no-untyped-call]
    try:
        with create_session() as session:
            yield session
    except SQLAlchemyError as err:
        reason = str(getattr(err, "orig", None) or err).split("\n", 1)[0]
        raise ConfigError(
            f"Airflow's database does not answer ({reason}) - pools are in it: run this where its scheduler runs"
        ) from err


def _missing(session: "Session", names: Iterable[str]) -> list[str]:
    from airflow.models.pool import Pool  # noqa: PLC0415
    from sqlalchemy import select  # noqa: PLC0415

    wanted = set(names)
    return sorted(wanted - set(session.scalars(select(Pool.pool).where(Pool.pool.in_(wanted)))))


def _describe_forgetful(pool: "Pool") -> str:
    name = str(pool.pool)
    said = f"Airflow pool {name!r} does not count deferred tasks, so it bounds no pods"
    if name == pool.DEFAULT_POOL_NAME:
        # Were they counted, whatever else waits in this Airflow, of whichever DAG, would take up its slots.
        way_out = "write another name into run.pool, then python -m shoal pools"
        return f"{said} - all other tasks of this Airflow wait in it: {way_out}"
    in_team = f" --team-name {shlex.quote(pool.team_name)}" if pool.team_name else ""
    return f"{said} - {how_to_make(name, pool.slots, pool.description or '')}{in_team}"


def _describe_missing(pools: list[str]) -> str:
    commands = " && ".join(how_to_make(pool) for pool in pools)
    return f"Airflow pool {', '.join(map(repr, pools))} does not exist: no shard would ever start - {commands}"
