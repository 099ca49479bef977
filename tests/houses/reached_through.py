"""A dataset whose buckets are behind a server that answers as a broken store would."""

import dataclasses
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from urllib.parse import urlsplit

from pipeline import Pipeline
from worker.http_faults import Answer, faulty_store, passed_on


@contextmanager
def reached_through(pipeline: Pipeline, answer: Answer) -> Iterator[Pipeline]:
    """The same buckets, reached through a server that answers so."""
    with faulty_store(answer) as (endpoint_url, _):
        access = dataclasses.replace(pipeline.stores.results.access, endpoint_url=endpoint_url)
        opened = {
            role: type(store)(access, store.bucket)
            for role, store in vars(pipeline.stores).items()
            if role in ("source", "models", "results")
        }
        yield dataclasses.replace(pipeline, stores=dataclasses.replace(pipeline.stores, **opened))


@contextmanager
def held_back(pipeline: Pipeline, given: int) -> Iterator[Pipeline]:
    """The same buckets, of which the first images are given alone: who asks for more waits until the end of the block.

    A worker is amid its shard meanwhile, however late somebody comes to look at it, or to stop it.
    """
    over, asked, real = threading.Event(), count(1), passed_on(pipeline.stores.results.access.endpoint_url)

    def answer(handler, number):
        if handler.command == "GET" and urlsplit(handler.path).path.endswith(".jpg") and next(asked) > given:
            over.wait()
        real(handler, number)

    with reached_through(pipeline, answer) as held:
        try:
            yield held
        finally:
            over.set()
