"""Answers that packages are made of."""

import pytest

from published_answer import HOSTILE, PLAIN, hostile_names, plain_keys, published_answer


@pytest.fixture(scope="session")
def reef(demo_models, tmp_path_factory):
    """Two cameras with a position, one by the clock and one released, and two without."""
    with published_answer(tmp_path_factory.mktemp("reef"), demo_models["v1"], plain_keys(), PLAIN) as published:
        yield published


@pytest.fixture(scope="session")
def hostile_reef(demo_models, tmp_path_factory):
    """Cameras, keys and taxa with names that break out of whatever they are written into."""
    with published_answer(tmp_path_factory.mktemp("hostile"), demo_models["v1"], hostile_names(), HOSTILE) as published:
        yield published
