"""What is kept of long work, and when it is put away."""

import threading

from shoal.answers.awaited import Awaited


def test_what_is_cleared_is_put_away_by_whoever_clears_it():
    """At the end of a process a thread that begins then is stopped wherever it is, and within DuckDB that ends in an abort."""
    put_away = []
    kept = Awaited(1, "test", 4, lambda what: put_away.append((what, threading.current_thread())))
    for name in ("first", "second"):
        kept.begin(name, lambda _, name=name: name)[0].result(60)
    kept.clear()
    assert put_away == [("first", threading.current_thread()), ("second", threading.current_thread())]


def test_what_is_still_being_done_is_put_away_when_it_has_come():
    begun, go_on, put_away = threading.Event(), threading.Event(), threading.Event()

    def work(_progress):
        begun.set()
        return go_on.wait(60)

    kept = Awaited(1, "test", 4, lambda _: put_away.set())
    kept.begin("slow", work)
    assert begun.wait(60)
    kept.clear()
    assert not put_away.is_set()
    go_on.set()
    assert put_away.wait(60)
