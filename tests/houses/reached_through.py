"""A dataset whose buckets are behind a server that answers as a broken store would."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline import Pipeline
from worker.http_faults import Answer, faulty_store


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
