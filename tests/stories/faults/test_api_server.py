"""Airflow's way to the API server is bad for the whole of a run: it costs no attempt, no image and no second pod.

Wide: `make test-wide`; a run of each takes a minute.
"""

import json
import os
from collections import Counter

import pytest

from pods.installation import IMAGES
from seeds import CHOSEN
from waiting import wait_until
from worker.http_faults import connector

pytestmark = pytest.mark.skipif(CHOSEN not in os.environ, reason=f"takes minutes: make test-wide, or set {CHOSEN}")

REFUSED_S = 40


def refusal(code, reason, retry_after=None):
    """What an API server says that does not do what is asked."""
    body = json.dumps({"kind": "Status", "status": "Failure", "message": reason, "reason": reason, "code": code})

    def answer(handler, _number):
        handler.send_response(code)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        if retry_after:
            handler.send_header("Retry-After", str(retry_after))
        handler.end_headers()
        handler.wfile.write(body.encode())

    return answer


def asked_for_too_much(site):
    """As API priority and fairness does: half of all requests are refused."""
    too_many = refusal(429, "TooManyRequests", retry_after=1)
    return lambda handler, number: (too_many if number % 2 else site.api.good)(handler, number)


def loses_answers(site):
    """What is written is done, and the first answer for each object is lost on its way."""
    configuration, lost = site.cluster.connect().configuration, set()
    connect = connector(configuration.host, configuration.ssl_ca_cert)

    def answer(handler, number):
        written = (handler.command, handler.path.split("?")[0])
        if handler.command == "GET" or "dryRun" in handler.path or written in lost:
            site.api.good(handler, number)
            return
        lost.add(written)
        server = connect()
        server.request(handler.command, handler.path, handler.body, dict(handler.headers))
        server.getresponse().read()
        server.close()
        handler.close_connection = True

    return answer


def run_of(site, name):
    dataset = site.tier.add_dataset(name, "direct", max_pods=2)
    return dataset, site.tier.rest.trigger(f"reanalyse_{name}")


def assert_nothing_was_done_twice(site, dataset, run_id):
    rest, dag_id = site.tier.rest, f"reanalyse_{dataset.name}"
    assert rest.finished(dag_id, run_id) == "success", site.tier.story(dataset, run_id)
    assert site.tier.attempts(dataset, run_id) == [1, 1]
    assert Counter(site.tier.pipeline(dataset).inferences().values()) == {1: IMAGES}
    assert site.tier.left_in(dataset.cluster.namespace) == []


@pytest.mark.parametrize("fault", [asked_for_too_much, loses_answers])
def test_a_bad_way_to_the_api_server_costs_time_alone(site, fault):
    with site.everybody, site.api.broken(fault(site)):
        dataset, run_id = run_of(site, f"way-{fault.__name__.replace('_', '-')}")
        assert_nothing_was_done_twice(site, dataset, run_id)


def test_a_login_that_is_refused_until_it_is_renewed_costs_no_pod_at_work(site):
    refused = refusal(401, "Unauthorized")
    with site.everybody:
        dataset, run_id = run_of(site, "login-refused")
        # A shard that is about to make its pod is another story: on a busy machine one is, while the other one is at work.
        wait_until(lambda: [*site.tier.shards(dataset, run_id).values()] == ["deferred", "deferred"], 300, pause_s=0.1)
        site.api.break_for(REFUSED_S, refused)
        assert_nothing_was_done_twice(site, dataset, run_id)
    said = site.tier.rest.log(f"reanalyse_{dataset.name}", run_id, "infer", 0)
    assert "cannot be looked at, again in 10 s: the API server says 401 Unauthorized" in said


def test_a_plan_whose_login_is_refused_is_made_by_the_next_attempt(site):
    with site.everybody:
        with site.api.broken(refusal(401, "Unauthorized")):
            dataset, run_id = run_of(site, "login-ended")
            site.tier.rest.reached(f"reanalyse_{dataset.name}", run_id, "plan", "up_for_retry")
        assert_nothing_was_done_twice(site, dataset, run_id)
    said = site.tier.rest.log(f"reanalyse_{dataset.name}", run_id, "plan")
    assert (
        "Unauthorized - renew the login (the Airflow connection's, or the kubeconfig's); the next attempt reads it anew"
        in said
    )
