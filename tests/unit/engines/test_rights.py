"""The rights a check asks for are those that deploy/rbac.yaml gives."""

from pathlib import Path

import pytest
import yaml

from shoal.engines.kubernetes.rights import FOR_CAPACITY, NEEDED

DOCUMENTS = list(yaml.safe_load_all((Path(__file__).parents[3] / "deploy/rbac.yaml").read_text(encoding="utf-8")))


@pytest.mark.parametrize(("kind", "rights"), [("Role", NEEDED), ("ClusterRole", FOR_CAPACITY)])
def test_deploy_gives_exactly_the_rights_that_are_asked_for(kind, rights):
    (role,) = [document for document in DOCUMENTS if document["kind"] == kind]
    given = [(verb, resource) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]]
    assert sorted(given) == sorted((right.verb, right.resource) for right in rights)
