"""`current.json` over stores that understand a condition in their own way: the run becomes the answer all the same."""

import hashlib
import json
import re
import secrets
from pathlib import Path

import pytest

from shoal.contract.errors import StoreError
from shoal.contract.layout import DatasetLayout
from shoal.results import answer
from shoal.results.answer import move_current, read_current
from shoal.results.stored_plan import StoredPlan
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess
from worker.http_faults import faulty_store

FORMATS = (Path(__file__).parents[3] / "docs" / "formats.md").read_text(encoding="utf-8")
LAYOUT = DatasetLayout("", "obsea")


class OneObject:
    """A store of one object, which names its versions as `named` does, and takes a condition only in these very words."""

    def __init__(self, named, *, busy=False):
        self.named, self.busy, self.kept, self.written = named, busy, None, 0

    def __call__(self, handler, _number):
        if handler.command == "PUT":
            return self._reply(handler, self._put(handler))
        return self._reply(handler, 404 if self.kept is None else 200, self.kept or b"")

    def _put(self, handler):
        asked, none = handler.headers.get("If-Match"), handler.headers.get("If-None-Match")
        if self.busy:
            self._keep(json.dumps({**json.loads(self.kept), "told": self.written}).encode())
        if (asked is not None and asked != self._etag()) or (none == "*" and self.kept is not None):
            return 412
        self._keep(handler.body)
        return 200

    def _keep(self, data):
        self.kept, self.written = data, self.written + 1

    def _etag(self):
        return self.named(hashlib.sha256(self.kept).hexdigest()[:32])

    def _reply(self, handler, code, body=b""):
        error = {412: "PreconditionFailed", 404: "NoSuchKey"}.get(code)
        body = f"<Error><Code>{error}</Code></Error>".encode() if error else body
        handler.send_response(code)
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("Last-Modified", "Mon, 01 Jun 2026 02:03:04 GMT")
        if self.kept is not None:
            handler.send_header("ETag", self._etag())
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)


def open_at(url):
    return S3Store(StoreAccess(url, "accesskey123", secrets.token_hex(8)), "results")


@pytest.fixture
def plan():
    stored = json.loads(re.search(r"<!-- example: plan\.json -->\n```json\n(.*?)\n```", FORMATS, re.DOTALL)[1])
    return StoredPlan.parse({**stored, "may_become_current": True})


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(answer, "REFUSED_PAUSE_S", 0.01)


def publish(url, plan, sha256):
    return move_current(open_at(url), LAYOUT, plan, complete=True, result_sha256=sha256).not_because


@pytest.mark.parametrize(
    "named",
    [
        pytest.param('"{}"'.format, id="as S3 does"),
        pytest.param('W/"{}"'.format, id="weak, as behind a proxy that compresses: it never matches"),
        pytest.param("{}".format, id="without quotes, and compared as it is"),
    ],
)
def test_a_run_becomes_the_answer_however_the_store_names_versions(plan, named):
    store = OneObject(named)
    with faulty_store(store) as (url, _):
        for sha256 in ("0" * 64, "1" * 64):
            assert publish(url, plan, sha256) is None
        assert read_current(open_at(url), LAYOUT)["result_sha256"] == "1" * 64
    assert store.written == 2


def test_what_others_change_all_the_time_is_not_written_over(plan):
    store = OneObject('"{}"'.format)
    with faulty_store(store) as (url, _):
        publish(url, plan, "0" * 64)
        store.busy = True
        with pytest.raises(StoreError, match=r"current\.json was changed 10 times while run "):
            publish(url, plan, "1" * 64)
    assert json.loads(store.kept)["result_sha256"] == "0" * 64
