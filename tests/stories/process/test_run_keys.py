"""Keys of a run's own, made by a real MinIO: what they may do and may not, and what becomes of a run whose key ends."""

import json
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
import urllib3
from minio import MinioAdmin
from minio.credentials import StaticProvider

from cluster.object_store import add_writer
from four_readers import TEXT, may_mount, read_by_sidecar
from pipeline import Pipeline, make_pipeline, run_worker_here
from shoal.contract.errors import AccessDeniedError, ConfigError, ShoalError, StoreError
from shoal.contract.exit_codes import WorkerExit
from shoal.contract.run_rights import Rights
from shoal.settings.dataset_stores import open_stores
from shoal.shards.attempt import prepare_shard
from shoal.shards.own_keys import OwnKeys
from shoal.stores.kinds import limit_access, open_store
from shoal.stores.s3 import S3Store
from shoal.stores.s3_login import fetch_key
from shoal.stores.s3_policy import session_policy
from worker.ending_keys import EndingKeys
from worker.http_faults import faulty_store, passed_on, status, whole

PODS = {
    "cluster": {"kind": "kubernetes", "pod": {"cpu": "200m", "memory": "256Mi"}},
    "worker": {"image": "worker:1"},
    "sidecar": {"image": "sidecar:1"},
}


@pytest.fixture(scope="module")
def user(minio):
    """A login as a connection has it: it may do everything in every bucket of these tests."""
    return add_writer(minio, "*")


@pytest.fixture
def pipeline(minio, user, demo_models, scenes, tmp_path) -> Pipeline:
    """A dataset below a prefix of a bucket that holds another one's images, too; as one whose workers are pods."""
    made = make_pipeline(minio, {"v1": demo_models["v1"]}, tmp_path)
    for scene in scenes[:6]:
        made.put(f"reef/{scene.key}", scene.jpeg)
    made.put(f"other/{scenes[0].key}", scenes[0].jpeg)
    source = made.dataset.source.model_dump(mode="json") | {"prefix": "reef/"}
    dataset = made.with_settings(source=source, **PODS).dataset
    return Pipeline(dataset, open_stores(dataset, lambda _: user))


def administer(access):
    login = StaticProvider(access.access_key, access.secret_key)
    return MinioAdmin(endpoint=access.host, credentials=login, secure=False, http_client=urllib3.PoolManager())


def giving(user, policy=""):
    """A token service that gives keys by another policy than it was asked for, of the real store."""
    asker, let = replace(user, sts_url=user.endpoint_url), passed_on(user.endpoint_url)

    def answer(handler, number):
        if handler.command != "POST" or b"AssumeRole" not in handler.body:
            let(handler, number)
            return
        key = fetch_key(asker, policy, 3600)
        parts = {
            "AccessKeyId": key.access_key, "SecretAccessKey": key.secret_key, "SessionToken": key.session_token,
            "Expiration": "2100-01-01T00:00:00Z",
        }  # fmt: skip
        told = "".join(f"<{name}>{value}</{name}>" for name, value in parts.items())
        space = "https://sts.amazonaws.com/doc/2011-06-15/"
        told = f'<AssumeRoleResponse xmlns="{space}"><AssumeRoleResult><Credentials>{told}</Credentials></AssumeRoleResult></AssumeRoleResponse>'
        whole(told.encode())(handler, number)

    return answer


def told_at(url, pipeline, access, **settings):
    """What a plan says of its pods' keys where the store is reached at another address."""
    access = replace(access, endpoint_url=url)
    dataset = pipeline.with_settings(**settings).dataset
    return Pipeline(dataset, open_stores(dataset, lambda _: access)).plan().run_keys


def keys_of(plan, pipeline, shard=0, *, repeated=False):
    """What the pod of a shard's attempt would log in with, as its task makes it."""
    element = {"shard": shard, "variant": plan.variant.directory, "run_key": plan.run_key}
    work = prepare_shard(pipeline.stores, element, repeated=repeated)
    return work, work.own_keys.make(pipeline.stores)


def stores_of(accesses, pipeline):
    opened = {role: open_store(access, getattr(pipeline.stores, role).bucket) for role, access in accesses.items()}
    return replace(pipeline.stores, **opened)


def test_a_run_s_keys_do_what_it_does_and_nothing_else(pipeline, caplog):
    other, plan = pipeline.plan(), pipeline.plan()
    assert plan.run_keys.roles == ("source", "models", "results")
    (line,) = plan.run_keys.describe()
    assert line.startswith("pods get a key of this run's own for source and models and results: ")
    run = pipeline.stores.layout.variant(plan.variant.directory).run(plan.run_key)
    assert pipeline.stores.results.list_keys(run.tries) == [], "what tried the keys"
    _, accesses = keys_of(plan, pipeline)
    assert all(access.login.startswith("key of this run's own until 20") for access in accesses.values())
    stores, layout = stores_of(accesses, pipeline), pipeline.stores.layout.variant(plan.variant.directory)
    mine, others = (layout.run(one.run_key) for one in (plan, other))
    images = sorted(pipeline.stores.source.list_keys("reef/"))
    assert sorted(stores.source.list_keys("reef/")) == images
    assert stores.source.has(images[0])
    assert stores.results.has(mine.plan)
    stores.results.write_bytes(layout.part(plan.run_key, 0, "abcdefgh", 0), b"rows")
    stores.results.write_bytes(mine.shard_progress(0, "abcdefgh"), b"{}")
    stores.results.write_bytes(mine.trying(0, "abcdefgh"), b"{}")
    stores.results.delete([mine.trying(0, "abcdefgh")])
    foreign = pipeline.stores.source.list_keys("other/")[0]
    for what, ask in {
        "another dataset's image": lambda: stores.source.find_bytes(foreign),
        "the names of another's images": lambda: stores.source.list_keys("other/"),
        "the names of a whole bucket": lambda: stores.source.list_keys(""),
        "writing an image": lambda: stores.source.write_bytes(images[0], b""),
        "the names of models": lambda: stores.models.list_keys(""),
        "replacing a model": lambda: stores.models.write_bytes(plan.job.model_key, b""),
        "another run's plan": lambda: stores.results.find_bytes(others.plan),
        "another run's part": lambda: stores.results.write_bytes(layout.part(other.run_key, 0, "abcdefgh", 0), b""),
        "the answer": lambda: stores.results.write_bytes(pipeline.stores.layout.current, b""),
        "its own plan, to write": lambda: stores.results.write_bytes(mine.plan, b""),
        "its own part, to delete": lambda: stores.results.delete([layout.part(plan.run_key, 0, "abcdefgh", 0)]),
        "the names of rows": lambda: stores.results.list_keys(layout.parts),
    }.items():
        with pytest.raises(ShoalError) as denied:
            ask()
        assert "AccessDenied" in str(denied.value), what
    secret = {part for access in accesses.values() for part in (access.secret_key, access.session_token)}
    assert not any(word in text for word in secret for text in (caplog.text, str(plan.to_json()), repr(accesses)))


def test_a_worker_does_its_shard_with_them(pipeline):
    plan = pipeline.plan()
    _, accesses = keys_of(plan, pipeline)
    for shard in plan.work.shards:
        done = run_worker_here(stores_of(accesses, pipeline), plan, shard.shard)
        assert done.returncode == WorkerExit.DONE, done.stdout
    assert pipeline.summarize(plan).summary["result"]["examined"] == 6


def test_a_key_that_ends_in_mid_run_is_nobody_s_bad_image_and_the_next_attempt_goes_on(pipeline, user):
    """The key of images ends while they are read: one line, a retry, and its own key."""
    plan = pipeline.with_settings(cluster={**PODS["cluster"], "max_pods": 1}).plan()
    (shard,) = plan.work.shards
    _, accesses = keys_of(plan, pipeline)
    keys, images = EndingKeys(user.endpoint_url, None, seconds=3600), count(1)

    def answer(handler, number):
        """Let the key end after the fourth image, however long the worker took to begin and to come so far."""
        if handler.command == "GET" and handler.path.endswith(".jpg") and next(images) > 4:
            keys.given.update(dict.fromkeys(keys.given, float("-inf")))
        keys.answer(handler, number)

    with faulty_store(answer) as (url, _):
        there = open_stores(pipeline.dataset, lambda _: replace(user, endpoint_url=url))
        own = OwnKeys.of(plan.dataset, plan.job, ["source"])
        ending = own.make(there)["source"]
        done = run_worker_here(stores_of({**accesses, "source": ending}, pipeline), plan, shard.shard)
    assert done.returncode == WorkerExit.INFRASTRUCTURE, done.stdout
    last = done.stdout.splitlines()[-1]
    assert "ExpiredToken" in last
    assert "it was asked with the key of this run's own until 20" in last
    assert "the next attempt gets another one" in last
    work, accesses = keys_of(plan, pipeline, repeated=True)
    assert 0 < work.left < 6
    done = run_worker_here(stores_of(accesses, pipeline), plan, shard.shard)
    assert done.returncode == WorkerExit.DONE, done.stdout
    summary = pipeline.summarize(plan).summary
    assert summary["result"]["examined"] == 6
    assert summary["run"]["balance"]["failed"] == 0


def test_a_key_that_ended_before_its_worker_began_is_tried_again_too(pipeline, user):
    plan = pipeline.plan()
    _, accesses = keys_of(plan, pipeline)
    ended = replace(accesses["results"], session_token=accesses["source"].session_token)
    with pytest.raises(StoreError, match=r"the next attempt gets another one"):
        S3Store(ended, pipeline.stores.results.bucket).find_bytes("x")


def test_the_administrator_s_own_login_makes_such_keys_too(minio, pipeline):
    stores = open_stores(pipeline.dataset, lambda _: minio)
    limited = stores.limit("source", Rights(read=("reef/",)), pipeline.dataset)
    with pytest.raises(AccessDeniedError):
        S3Store(limited, stores.source.bucket).find_bytes("other/x.jpg")


def test_a_sidecar_mounts_what_lies_below_a_prefix_by_such_a_key(user, minio, tmp_path):
    if not may_mount():
        pytest.skip("no right to mount here, the sidecar is not tested")
    bucket = "mounted"
    minio.connect().make_bucket(bucket)
    S3Store(user, bucket).write_bytes(TEXT, b"fish")
    prefix = TEXT[:-1]
    folders = tuple(TEXT[:end] for end in range(len(TEXT)) if end == 0 or TEXT[end - 1] == "/")
    rights = Rights(read=(prefix,), names=(prefix,), folders=folders)
    limited = limit_access(user, bucket, rights, timedelta(hours=1), timedelta(hours=2))
    assert read_by_sidecar(limited, bucket, tmp_path) == "fish"


def test_where_the_connection_wants_none_the_pods_get_its_own_and_the_plan_says_so(pipeline, user):
    stores = open_stores(pipeline.dataset, lambda _: replace(user, run_keys="false"))
    plan = Pipeline(pipeline.dataset, stores).plan()
    assert plan.run_keys.roles == ()
    said = "pods get the key of the connection for source and models and results: the connection says run_keys: false"
    assert said in plan.describe()
    assert plan.to_json()["run_keys"]["why_not"]["source"] == "the connection says run_keys: false"
    work, accesses = keys_of(plan, Pipeline(pipeline.dataset, stores))
    assert accesses["source"].access_key == user.access_key
    assert work.own_keys.rights == {}


def test_a_plan_that_promised_keys_gives_no_wider_ones_in_their_place(pipeline, user):
    plan = pipeline.plan()
    stores = open_stores(pipeline.dataset, lambda _: replace(user, run_keys="false"))
    with pytest.raises(ShoalError, match=r"none is to be had now: the connection says run_keys: false"):
        keys_of(plan, Pipeline(pipeline.dataset, stores))


@pytest.mark.parametrize("prefix", ["reef/", ""])
def test_a_token_service_that_takes_no_policy_is_found_out(prefix, pipeline, user):
    """Of a whole bucket nothing in it proves that: its uploads and the buckets beside it do."""
    images = pipeline.stores.source.list_keys("")
    with faulty_store(giving(user)) as (url, asked):
        source = pipeline.dataset.source.model_dump(mode="json") | {"prefix": prefix}
        found = told_at(url, pipeline, user, source=source)
    why = "the store's token service makes keys that may do more than was asked for"
    assert dict(found.why_not) == dict.fromkeys(("source", "models", "results"), why)
    bucket = pipeline.stores.source.bucket
    assert not [line for line in asked if f"/{bucket}" in line and not line.startswith(("GET ", "HEAD "))]
    assert pipeline.stores.source.list_keys("") == images


def test_where_a_whole_bucket_is_the_dataset_s_its_key_is_denied_what_lies_beside(pipeline, user):
    source = pipeline.dataset.source.model_dump(mode="json") | {"prefix": ""}
    with faulty_store(passed_on(user.endpoint_url)) as (url, asked):
        found = told_at(url, pipeline, user, source=source)
    assert (found.roles, found.why_not) == (("source", "models", "results"), ())
    assert f"HEAD /{pipeline.stores.results.bucket}/{pipeline.stores.layout.current}" in asked


def test_a_service_whose_keys_may_nothing_leaves_pods_the_connection_s_and_says_so(pipeline, user):
    with faulty_store(giving(user, session_policy("fish", Rights()))) as (url, _):
        found = told_at(url, pipeline, user)
    assert found.roles == ()
    for role, why in found.why_not:
        assert why.startswith("such a key is denied what the run does: "), role
        assert "AccessDenied" in why


def test_an_access_key_of_a_user_makes_none_and_is_asked_once_for_all_three(pipeline, user):
    admin = administer(user)
    made = json.loads(admin.add_service_account())["credentials"]
    own = replace(user, access_key=made["accessKey"], secret_key=made["secretKey"])
    asked = []
    let = passed_on(user.endpoint_url)

    def answer(handler, number):
        asked.append(handler.command)
        let(handler, number)

    with faulty_store(answer) as (url, _):
        found = told_at(url, pipeline, own)
    (why,) = {why for _, why in found.why_not}
    assert len(found.why_not) == 3
    assert (
        "(AccessDenied) - this login makes no keys of its own here (on MinIO a user that is enabled does, an access key of one does not)"
        in why
    )
    assert asked.count("POST") == 1


@pytest.mark.parametrize(
    ("code", "kind"),
    [pytest.param(503, StoreError, id="it passes"), pytest.param(403, ConfigError, id="a refusal")],
)
def test_where_keys_are_required_no_plan_is_made_without(code, kind, pipeline, user, monkeypatch):
    monkeypatch.setattr("shoal.stores.s3_patience.Patience._sleep_backoff", lambda _: None)
    let = passed_on(user.endpoint_url)

    def answer(handler, number):
        (status(code, "") if handler.command == "POST" else let)(handler, number)

    with (
        faulty_store(answer) as (url, _),
        pytest.raises(kind, match=r"^The connection of source says run_keys: required, a") as none,
    ):
        told_at(url, pipeline, replace(user, run_keys="required"))
    assert f"(HTTP {code})" in str(none.value)


def test_an_attempt_that_gets_none_says_that_its_plan_promised_one(pipeline, minio, monkeypatch):
    monkeypatch.setattr("shoal.stores.s3_patience.Patience._sleep_backoff", lambda _: None)
    own = add_writer(minio, "*")
    stores = open_stores(pipeline.dataset, lambda _: own)
    plan = Pipeline(pipeline.dataset, stores).plan()
    needed = OwnKeys.of(plan.dataset, plan.job, ["source"])
    promised = "^The plan gives pods a key of the run's own for source, and none is to be had now: "
    away = open_store(replace(own, endpoint_url="http://127.0.0.1:9"), stores.source.bucket)
    with pytest.raises(StoreError, match=promised + "No answer from http://127.0.0.1:9 for a key"):
        needed.make(replace(stores, source=away))
    administer(minio).user_disable(own.access_key)
    refused = r".*AccessDenied\) - this login makes no keys of its own .*; once that is mended clear the shard, or start a new"
    with pytest.raises(ConfigError, match=promised + refused):
        needed.make(stores)
