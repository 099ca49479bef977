"""An answer that people label: two cameras over days, and two more."""

import pytest

from hostile_answer import draw_rows, reef_of
from published_answer import PLAIN, Published, plain_keys
from shoal.answers.find import find_run


@pytest.fixture(scope="package")
def labelled_reef(demo_models, tmp_path_factory):
    """66 images that count, each with its own name as its bytes."""
    images = {key: key.replace("copy/", "").encode() for key in plain_keys()}
    with reef_of(tmp_path_factory.mktemp("labelled"), demo_models["v1"], images, PLAIN) as pipeline:
        plan = pipeline.plan()
        draw_rows(pipeline, plan)
        assert pipeline.summarize(plan).balance.complete
        yield Published(pipeline, find_run(pipeline.stores.results, pipeline.stores.layout))


@pytest.fixture
def reef(labelled_reef):
    """It, and afterwards without samples and labels."""
    yield labelled_reef
    stores = labelled_reef.pipeline.stores
    for kind in ("samples", "labels", "trainings", "estimates", "reviews"):
        stores.results.delete(stores.results.list_keys(stores.layout.evidence(kind)))
