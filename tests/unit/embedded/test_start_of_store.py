"""The embedded store's start, as whoever opens a dataset by its name sees it."""

from shoal.embedded.processes.rclone import embedded_store


def test_waiting_for_the_store_to_start_warns_nobody(tmp_path, caplog):
    (tmp_path / "data").mkdir()
    with embedded_store(tmp_path / "data", tmp_path / "store.log") as access:
        assert access.connect().list_buckets() == []
    assert caplog.text == ""
