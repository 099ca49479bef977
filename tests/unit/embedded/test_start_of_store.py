"""The embedded store's start, as whoever opens a dataset by its name sees it."""

import errno
import socket
import sys

import pytest

from shoal.contract.errors import StoreError
from shoal.embedded.processes.rclone import _free_port, embedded_store


def test_waiting_for_the_store_to_start_warns_nobody(tmp_path, caplog):
    (tmp_path / "data").mkdir()
    with embedded_store(tmp_path / "data", tmp_path / "store.log") as access:
        assert access.connect().list_buckets() == []
    assert caplog.text == ""


@pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere a port is free when it is chosen, and no more is promised"
)
def test_a_port_that_was_chosen_for_a_server_is_given_to_nobody_else():
    with _free_port() as port:
        with socket.socket() as other, pytest.raises(OSError, match="in use") as taken:
            other.bind(("127.0.0.1", port))
        assert taken.value.errno == errno.EADDRINUSE
        with socket.create_server(("127.0.0.1", port)):
            socket.create_connection(("127.0.0.1", port), timeout=30).close()


def test_a_store_that_cannot_start_says_how_it_ended(tmp_path, monkeypatch):
    monkeypatch.setenv("RCLONE_LOG_LEVEL", "NONSENSE")
    with (
        pytest.raises(StoreError, match=r"did not start \(rclone ended with exit code \d+\) - see .*store\.log"),
        embedded_store(tmp_path, tmp_path / "store.log"),
    ):
        pass
