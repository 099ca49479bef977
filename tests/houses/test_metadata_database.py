"""A database for each Airflow of the tests' own: Airflow's tables are made once, and shared by none."""

from contextlib import ExitStack

import pytest

from cluster.cache import DATABASES
from metadata_database import Sqlite, metadata_database
from shoal.embedded.home import Home
from shoal.stores.s3_access import StoreAccess


@pytest.fixture
def homes(tmp_path):
    made = [Home(tmp_path / name) for name in ("first", "second")]
    for home in made:
        home.make()
    return made


def started(stack: ExitStack, home: Home):
    environment = home.airflow_environment(StoreAccess("http://127.0.0.1:9", "nobody", "nothing"))
    return stack.enter_context(metadata_database(home, environment))


def test_two_airflows_have_tables_of_their_own(homes):
    with ExitStack() as stack:
        first, second = (started(stack, home) for home in homes)
        if isinstance(first, Sqlite):
            pytest.skip("tables kept for other Airflows are not tested: no PostgreSQL here - make cluster-packages")
        [[version]] = first.rows("SELECT version_num FROM alembic_version")
        assert second.rows("SELECT version_num FROM alembic_version") == [(version,)]
        assert (first.port, first.folder) != (second.port, second.folder)
        assert first.rows("SELECT count(*) FROM dag_run") == [(0,)]
        kept = [path for path in DATABASES.folder.glob("airflow-*") if path.is_dir()]
        assert all((path / "password").stat().st_mode & 0o077 == 0 for path in kept)
