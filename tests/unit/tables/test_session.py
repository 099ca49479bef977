"""What a database session is told before anybody asks it anything."""

import duckdb

from shoal.tables.session import open_database


def test_no_progress_bar_is_drawn_into_a_log(monkeypatch):
    """DuckDB draws one where it finds no script, as in the tasks that Airflow forks."""
    connect = duckdb.connect

    def connect_at_a_terminal(**told):
        connection = connect(**told)
        connection.execute("SET enable_progress_bar = true")
        return connection

    monkeypatch.setattr(duckdb, "connect", connect_at_a_terminal)
    with open_database(None) as database:
        assert database.run("SELECT current_setting('enable_progress_bar')").fetchall() == [(False,)]
