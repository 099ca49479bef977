"""A store by rclone: listed as a bucket of the same files is, read as what was listed, and its errors told in one line."""

import hashlib
import io
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cluster.processes import free_port
from shoal.contract.errors import (
    AccessDeniedError,
    ConfigError,
    LoginRefusedError,
    NoAnswerError,
    NoEventsError,
    ShoalError,
    StoreError,
    TooLargeError,
)
from shoal.engines.kubernetes.serve_sidecar import serve_script
from shoal.stores import rclone_program, rclone_reading, rclone_serving
from shoal.stores.access import Connection
from shoal.stores.images import ImageChanged, ImageMissing
from shoal.stores.key_order import in_key_order
from shoal.stores.kinds import open_from_env, open_store, write_env
from shoal.stores.listed import ListedObject
from shoal.stores.rclone import RcloneStore
from shoal.stores.rclone_access import IN_PODS
from shoal.stores.rclone_errors import explain
from shoal.stores.rclone_listing import version_of
from shoal.stores.rclone_log import MISNAMED, RcloneFailed, count_left_out
from waiting import wait_until
from webdav import PASSWORD, serving

OLD_S = 1_790_000_000
HOSTILE = (
    "a.jpg", "a/b.jpg", "a-b/c.jpg", "a#b.jpg", "a?b.jpg", "a%20b.jpg", "a+b&c=d.jpg", "two  spaces.jpg", "end .jpg ", "[1]/b]r.jpg",
    "é-nfc.jpg", "e\u0301-nfd.jpg", "q\"uo'te`$HOME;.jpg", "back\\slash.jpg", "🐟/\uffff.jpg", "~.jpg", "403/401 Unauthorized.jpg",
)  # fmt: skip


def put(folder, key, data):
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (OLD_S, OLD_S))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server with odd names in a folder of its own; nobody changes that folder."""
    folder = tmp_path_factory.mktemp("dav")
    for key in HOSTILE:
        put(folder / "photos", key, f"image {key}".encode())
    with serving(folder) as running:
        yield running


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(rclone_reading, "PAUSES_S", (0.01,))


def opened(server, folder="photos", **access):
    return open_store(server.access(**access), f"dav:{folder}")


def test_odd_names_are_listed_in_the_order_of_keys_and_read_by_it(server):
    store = opened(server)
    listed = list(store.list_objects(whole=True))
    assert [one.key for one in listed] == sorted(HOSTILE)
    assert list(store.list_objects()) == listed, "folder by folder, for whoever wants the first ones only"
    assert listed[0].object_version == f"file:{listed[0].size_bytes}-{OLD_S * 10**9}"
    assert listed[0].last_modified == datetime.fromtimestamp(OLD_S, UTC)
    for one in listed:
        fetched = store.read(one.key, one.object_version, one.size_bytes)
        assert (fetched.data, fetched.version_checked) == (f"image {one.key}".encode(), True)
    assert store.list_keys("a-b/") == ["a-b/c.jpg"]
    assert store.list_keys("a") == [key for key in sorted(HOSTILE) if key.startswith("a")]
    assert store.list_keys("nothing/here/") == []
    assert store.find_piece("a.jpg", 2, 3).data == b"age"
    assert store.find_bytes("none.jpg") is None


def test_a_level_of_a_folder_is_looked_into_and_nobody_tells_what_comes(server):
    store, here = opened(server), [key for key in HOSTILE if "/" not in key]
    level = store.look_into("", 1)
    assert level.is_whole
    assert [one.key for one in level.objects] == sorted(here)
    assert list(level.folders) == sorted({f"{key.partition('/')[0]}/" for key in HOSTILE if "/" in key})
    later = store.look_into("", 1, after="é")
    assert [one.key for one in later.objects] == sorted(key for key in here if key > "é")
    assert (later.folders, later.has_folders_before) == (level.folders, True)
    assert [one.key for one in store.look_into("a-b/", 1).objects] == ["a-b/c.jpg"]
    assert store.look_into("nothing here/", 1).is_whole
    with pytest.raises(NoEventsError, match="is reached by rclone, which tells nobody what comes"):
        store.listen("")


def test_a_file_that_is_written_to_is_changed_and_one_that_is_removed_is_missing(server):
    store = opened(server, "")
    put(server.folder, "own/grows.jpg", b"half")
    (found,) = store.list_objects("own/")
    listed = (found.key, found.object_version, found.size_bytes)
    assert store.read(*listed).data == b"half"
    data = store._ask

    def ask(method, key, **asked):
        answer = data(method, key, **asked)
        put(server.folder, key, b"other")  # while it is read
        return answer

    store._ask = ask
    with pytest.raises(ImageChanged, match=r"file:5-\d+, listed file:4-\d+"):
        store.read(*listed)
    store._ask = data
    with pytest.raises(ImageChanged, match="more than the 4 bytes listed"):
        store.read(*listed)
    md5 = hashlib.md5(b"other", usedforsecurity=False).hexdigest()
    assert store.read(found.key, md5, 5).version_checked
    with pytest.raises(ImageChanged, match=r"sha1 .*, listed sha1:00"):
        store.read(found.key, "sha1:00", 5)
    (server.folder / "own/grows.jpg").unlink()
    with pytest.raises(
        ImageMissing, match=r"^dav:own/grows.jpg is not there any more - if the store's disk is away, mount"
    ):
        store.read(*listed)


def test_what_stands_in_the_way_is_told_in_one_line(server, monkeypatch):
    refused = r"^Folder dav:photos cannot be read \(rclone, webdav: .*401 Unauthorized.*\) - the login is refused: correct user"
    with pytest.raises(LoginRefusedError, match=refused):
        list(opened(server, password="wrong word").list_objects())
    with pytest.raises(LoginRefusedError, match=r"^File dav:photos/a\.jpg cannot be read .*the login is refused"):
        opened(server, password="wrong word").read_bytes("a.jpg")
    with pytest.raises(
        ConfigError, match=r"^Folder dav:fotos .*directory not found\) - it is not there: correct source.remote"
    ):
        list(opened(server, "fotos").list_objects(whole=True))
    nowhere = opened(server, section={"url": "http://127.0.0.1:1"})
    with pytest.raises(
        NoAnswerError, match=r"connection refused\) - check that the store runs and can be reached from here$"
    ):
        list(nowhere.list_objects(whole=True))
    with pytest.raises(ConfigError, match=r"didn't find.*\) - correct the rclone section"):
        list(opened(server, section={"type": "webdaf"}).list_objects())
    monkeypatch.setattr(rclone_program.sys, "executable", "/nowhere/python")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(
        ConfigError, match=r"^rclone found neither beside /nowhere/python nor on PATH - .* 'shoal\[rclone\]', or"
    ):
        list(opened(server).list_objects())


@pytest.mark.parametrize(
    ("said", "error"),
    [
        pytest.param(
            'Propfind "https://dav/401/403.jpg": dial tcp: connection refused',
            NoAnswerError,
            id="numbers in an address",
        ),
        pytest.param("couldn't list files: 403 Forbidden: 403 Forbidden", AccessDeniedError, id="no right"),
        pytest.param(
            'Get "https://dav/": x509: certificate has expired or is not yet valid', ConfigError, id="certificate"
        ),
        pytest.param("oauth2: cannot fetch token: 400 invalid_grant", LoginRefusedError, id="token has ended"),
        pytest.param("dial tcp: lookup dav.example.org: no such host", NoAnswerError, id="no name"),
        pytest.param(
            "failed to make Fs: read metadata failed: Sabre: System in maintenance mode.: 503 Service Unavailable",
            StoreError,
            id="busy",
        ),
        pytest.param("too many requests: 429 Too Many Requests: unknown", StoreError, id="asked too often"),
        pytest.param('failed to make Fs: didn\'t find backend called "webdaf500"', ConfigError, id="no such kind"),
        pytest.param("the store went on strike", StoreError, id="anything else"),
    ],
)
def test_words_of_stores_are_understood(said, error):
    assert type(explain(said, "Folder dav:", "rclone, webdav")) is error


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        pytest.param(None, "is of kind rclone and has no section", id="none"),
        pytest.param(
            {"url": "https://dav"}, "has an rclone section without type - write what kind of store", id="no type"
        ),
        pytest.param(
            "url = https://dav\nvendor = other", "has an rclone section without type", id="no type in words of a file"
        ),
        pytest.param(
            "[a]\ntype = webdav\n[b]\ntype = sftp", "has 2 rclone sections - write the one", id="two sections"
        ),
        pytest.param(
            "type: s3cr3t", r"has an rclone section that cannot be read \(ParsingError\) - copy it", id="other words"
        ),
        pytest.param(
            {"type": "s3"}, "has an rclone section of type s3 - source.kind: s3 lists and reads", id="a bucket"
        ),
        pytest.param({"type": "local"}, "has an rclone section of type local - source.kind: folder", id="a folder"),
        pytest.param(
            {"dav": {"type": "webdav"}}, "has an rclone section in which 'dav' is no text", id="one in another"
        ),
        pytest.param(
            {"type": "webdav", "x;y": "1"}, "has an rclone section with 'x;y', which is no option", id="no option"
        ),
    ],
)
def test_a_section_that_cannot_be_used_is_refused_at_once(extra, says):
    connection = Connection("dav", "", None, "reef", "s3cr3t", {"kind": "rclone", "rclone": extra})
    with pytest.raises(ConfigError, match=f"^Airflow connection 'dav' {says}") as refused:
        RcloneStore.access_from_connection(connection)
    assert "s3cr3t" not in str(refused.value)


def test_a_section_is_taken_as_it_is_written_and_its_secrets_are_not_told():
    text = "[dcache]\ntype = webdav\nurl = https://dav.example.org/#x\nbearer_token = to;ken#1%s\n"
    connection = Connection("dav", "", None, "", "", {"kind": "rclone", "rclone": text})
    access = RcloneStore.access_from_connection(connection)
    assert dict(access.section) == {"type": "webdav", "url": "https://dav.example.org/#x", "bearer_token": "to;ken#1%s"}
    assert "to;ken" not in repr(access) + access.clean("401 for to;ken#1%s at https://dav.example.org")
    assert RcloneStore.access_from_env("source", access.to_env("source")) == access
    with pytest.raises(ConfigError, match=r"which holds images alone: source\.kind: rclone"):
        open_store(access, "results")


@pytest.mark.parametrize(
    ("section", "skips"),
    [
        pytest.param({"type": "SFTP", "host": "h"}, "true", id="nothing said"),
        pytest.param({"type": "sftp", "host": "h", "skip_links": False}, "false", id="as it is said"),
        pytest.param({"type": "webdav", "url": "u"}, None, id="no links there"),
    ],
)
def test_links_of_sftp_are_not_followed_unless_that_is_said(section, skips):
    access = RcloneStore.access_from_connection(Connection("s", "", None, "", "", {"rclone": section}))
    assert access.section.get("skip_links") == skips
    assert access.clean("true or false") == "true or false"


def test_the_sidecar_of_a_pod_serves_it_to_the_worker(server, tmp_path):
    """The shell's own words with a real rclone; what is of Kubernetes in them is tested where pods are made."""
    access = opened(server).located
    variables = write_env(access, "source")
    at = f"127.0.0.1:{free_port()}"
    words = serve_script().replace(IN_PODS.removeprefix("http://"), at)
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "RCLONE_RC_USER": "shoal",
        "RCLONE_RC_PASS": variables["SHOAL_SOURCE_RCLONE_DOOR"],
        **{name: value for name, value in variables.items() if not name.endswith(("DOOR", "SERVED", "KIND"))},
    }
    sidecar = subprocess.Popen(["sh", "-c", words], env=environment, stderr=subprocess.DEVNULL)
    try:
        store = open_from_env("source", "dav:photos", {**variables, "SHOAL_SOURCE_RCLONE_SERVED": f"http://{at}"})
        assert wait_until(lambda: _read_or_none(store), what="the sidecar", pause_s=0.05) == b"image a#b.jpg"
        assert PASSWORD not in Path(f"/proc/{sidecar.pid}/cmdline").read_text(encoding="utf-8")
    finally:
        sidecar.terminate()
        sidecar.wait()


def _read_or_none(store):
    try:
        return store.read_bytes("a#b.jpg")
    except StoreError:
        return None


def test_what_serves_a_store_ends_with_who_started_it_even_killed(server):
    code = (
        "import os, sys\n"
        "from shoal.stores import rclone_serving\n"
        "from shoal.stores.kinds import open_from_env\n"
        "store = open_from_env('source', 'dav:photos')\n"
        "store.read_bytes('a.jpg')\n"
        "print(*(one._process.pid for one in rclone_serving._SERVED.values()), flush=True)\n"
        "sys.stdin.read()\n"
    )
    environment = {**os.environ, **write_env(server.access(), "source"), "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    group = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    child.communicate()
    wait_until(lambda: not _runs(group), what="the end of rclone", pause_s=0.05)


@pytest.mark.parametrize(
    ("words", "code"), [pytest.param(["sh", "-c", "exit 7"], 7, id="fails"), pytest.param(["true"], 0, id="ends")]
)
def test_who_would_end_rclone_ends_with_it(words, code):
    keeper = subprocess.Popen(
        ["sh", "-c", rclone_serving._KEEPER, "sh", *words], stdin=subprocess.PIPE, start_new_session=True
    )
    assert keeper.wait(20) == code
    wait_until(lambda: not _runs(keeper.pid), what="the end of all", pause_s=0.05)  # the pipe is open all the while
    keeper.stdin.close()


def test_of_what_is_served_the_newest_and_those_asked_for_lately_stay(server, monkeypatch):
    monkeypatch.setattr(rclone_serving, "_SERVED", {})
    monkeypatch.setattr(rclone_serving, "KEPT", 1)

    def read(**access):
        opened(server, **access).read_bytes("a.jpg")
        return [one._process.pid for one in rclone_serving._SERVED.values()]

    (first,) = read()
    assert read() == [first], "pages open a store for every look"
    both = read(section={"user_agent": "renewed"})
    assert both[0] == first, "asked for lately"
    monkeypatch.setattr(rclone_serving, "IDLE_S", 0.0)
    assert read(section={"user_agent": "renewed"}) == [both[1]]
    wait_until(lambda: not _runs(first), what="the end of what was idle", pause_s=0.05)
    renewed = server.access(section={"user_agent": "renewed"})
    rclone_serving.serve(replace(renewed, ca_file="other.pem"), lambda: None)
    wait_until(lambda: not _runs(both[1]), what="the end of the first: another authority is another door", pause_s=0.05)


def _runs(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_listing_in_any_order_comes_in_that_of_keys():
    moment = datetime(2026, 6, 1, 2, 3, 4, 567, tzinfo=UTC)
    listed = [
        ListedObject(key, "file:1-1", 1, moment)
        for key in sorted(HOSTILE, key=lambda key: hashlib.sha256(key.encode()).digest())
    ]
    assert list(in_key_order(iter(listed), run_objects=4)) == sorted(listed)


def test_a_version_is_the_hash_that_a_store_keeps_else_size_and_time():
    changed = "2026-06-01T02:03:04.123456789Z"
    assert version_of(7, changed, {"md5": "aa"}, "md5") == "aa"
    assert version_of(7, changed, {"sha1": "aa"}, "sha1") == "sha1:aa"
    assert version_of(7, changed, {}, "md5") == "file:7-1780279384123456789"
    assert version_of(7, "1969-12-31T23:59:59.9Z", {}, "") == "file:7--100000000"
    assert version_of(7, "2026-06-01T02:03:04Z", {}, "md5") == "file:7-1780279384000000000"


class Tree(BaseHTTPRequestHandler):
    """Folders behind WebDAV that fail as a test likes: `server.tree` has what is in each, `server.asked` says how it answers."""

    protocol_version = "HTTP/1.1"

    def do_PROPFIND(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        folder = f"{self.path.rstrip('/')}/"
        status = self.server.asked(folder) or (207 if folder in self.server.tree else 404)
        entries = [folder, *self.server.tree.get(folder, ())] if status == 207 else []
        told = "".join(
            f"<D:response><D:href>{href}</D:href><D:propstat><D:prop><D:resourcetype>{'<D:collection/>' * href.endswith('/')}"
            "</D:resourcetype><D:getcontentlength>5</D:getcontentlength><D:getlastmodified>Mon, 01 Jun 2026 02:03:04 GMT"
            "</D:getlastmodified></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
            for href in entries
        )
        data = f'<D:multistatus xmlns:D="DAV:">{told}</D:multistatus>'.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def tree():
    """Two folders, and one in one of them."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Tree)
    server.tree = {"/": ["/cam1/"], "/cam1/": ["/cam1/a.jpg", "/cam1/b/"], "/cam1/b/": ["/cam1/b/1.jpg"]}
    server.asked = lambda _: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def open_tree(server, **option):
    section = {"type": "webdav", "url": f"http://127.0.0.1:{server.server_port}", **option}
    return open_store(RcloneStore.access_from_connection(Connection("d", "", None, "", "", {"rclone": section})), "d:")


@pytest.mark.parametrize("whole", [pytest.param(True, id="at once"), pytest.param(False, id="folder by folder")])
def test_a_listing_in_part_is_none(tree, whole):
    def keys(prefix):
        return [one.key for one in open_tree(tree).list_objects(prefix, whole=whole)]

    def removed(folder):
        if folder == "/cam1/b/":
            tree.tree = {"/": ["/cam1/"], "/cam1/": ["/cam1/a.jpg"]}

    in_part = (
        r"^Folder d: was listed in part only, .*\(directory not found\) - list when nobody removes or renames folders"
    )
    tree.asked = {"/cam1/b/": 404}.get
    for prefix in ("", "cam1/b/"):
        with pytest.raises(StoreError, match=in_part):
            keys(prefix)
    with pytest.raises(StoreError, match=in_part):
        open_tree(tree).look_into("cam1/b/", 1)
    assert keys("cam2/c/") == [], "a folder that is not there"
    tree.asked = removed
    assert keys("cam1/") == ["cam1/a.jpg"]


def test_what_rclone_leaves_out_is_counted(tree):
    tree.tree["/cam1/b/"] += ["/cam1/b/x%2Fy.jpg", "/cam1/b/%zz.jpg"]
    for whole in (True, False):
        unlisted = Counter()
        assert [one.key for one in open_tree(tree).list_objects("", whole=whole, unlisted=unlisted)] == [
            "cam1/a.jpg",
            "cam1/b/1.jpg",
        ]
        assert unlisted == {MISNAMED: 2}


@pytest.mark.parametrize(
    ("said", "left_out"),
    [
        pytest.param('"level":"notice","msg":"Config file not found"', 0, id="a notice"),
        pytest.param('"level":"error","msg":"Failed to save config after 6 tries: path is empty"', 0, id="a token"),
        pytest.param('"level":"error","msg":"URL Join failed for \\"a\\" and \\"%\\": no"', 1, id="no address"),
        pytest.param('"level":"error","msg":"stat of file failed at s3cr3t"', None, id="nobody knows"),
    ],
)
def test_errors_that_rclone_logs_and_goes_on_after(said, left_out):
    log = io.BytesIO(f"{{{said}}}\n".encode())
    if left_out is None:
        with pytest.raises(RcloneFailed, match=r"^stat of file failed at \*$"):
            count_left_out(log, lambda text: text.replace("s3cr3t", "*"))
    else:
        assert count_left_out(log, str) == left_out


def test_a_command_that_fails_tells_no_secret_not_even_to_who_logs_causes(tree):
    store = open_tree(tree, bearer_token_command="""sh -c "echo 'no s3cr3t for you' >&2; exit 1" """)
    for ask in (lambda: store.list_keys("cam1/"), lambda: store.look_into("", 1), lambda: store.read_bytes("a.jpg")):
        with pytest.raises(ShoalError, match=r"failed to get bearer token using .*\*\*\*") as failed:
            ask()
        assert "s3cr3t" not in "".join(traceback.format_exception(failed.value))


class Endless(BaseHTTPRequestHandler):
    """A file that has become a long one, whose length nobody tells."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        with suppress(ConnectionError):
            for _ in range(256):
                self.wfile.write(b"x" * (1 << 18))
                self.server.sent += 1

    def log_message(self, *_):
        pass


def test_a_file_is_read_no_further_than_it_was_listed(server):
    long = ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    long.sent = 0
    threading.Thread(target=long.serve_forever, daemon=True).start()
    store = open_store(replace(server.access(), served_at=f"http://127.0.0.1:{long.server_port}"), "d:")
    with pytest.raises(ImageChanged, match=r"^a\.jpg: more than the 5 bytes listed$"):
        store.read("a.jpg", "aa", 5)
    with pytest.raises(TooLargeError, match=r"a\.jpg is not read: it has more than 7 bytes$"):
        store.find_bytes("a.jpg", 7)
    assert store.find_piece("a.jpg", 0, 5) is None, "a store that gives whole files only"
    long.shutdown()
    long.server_close()
    assert long.sent < 256, "of three times as many"


class TokenServer(BaseHTTPRequestHandler):
    """One image behind WebDAV, for whoever has the token of now: dCache's way."""

    protocol_version = "HTTP/1.1"
    token = "first"

    def do_PROPFIND(self):
        name = self.path.rstrip("/")
        kind = "" if name else "<D:collection/>"
        told = (
            f"<D:response><D:href>{name or '/'}</D:href><D:propstat><D:prop><D:resourcetype>{kind}</D:resourcetype>"
            "<D:getcontentlength>5</D:getcontentlength><D:getlastmodified>Mon, 01 Jun 2026 02:03:04 GMT</D:getlastmodified>"
            "</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
        )
        below = told.replace("<D:href>/<", "<D:href>/a.jpg<").replace("<D:collection/>", "") if not name else ""
        self._give(207, f'<D:multistatus xmlns:D="DAV:">{told}{below}</D:multistatus>'.encode())

    def do_GET(self):
        self._give(200, b"image")

    def _give(self, status, data):
        is_let_in = self.headers["Authorization"] == f"Bearer {TokenServer.token}"
        status, data = (status, data) if is_let_in else (401, b"")
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Last-Modified", "Mon, 01 Jun 2026 02:03:04 GMT")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def token_url():
    server = ThreadingHTTPServer(("127.0.0.1", 0), TokenServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_token_that_ends_is_told_as_such_and_a_command_renews_it(token_url, tmp_path):
    (tmp_path / "token").write_text("first")

    def by(**option):
        section = {"type": "webdav", "url": token_url, **option}
        return open_store(
            RcloneStore.access_from_connection(Connection("d", "", None, "", "", {"rclone": section})), "d:"
        )

    fixed, renewed = by(bearer_token="first"), by(bearer_token_command=f"cat {tmp_path / 'token'}")
    (image,) = fixed.list_objects(whole=True)
    assert image.object_version == "file:5-1780279384000000000"
    assert fixed.read(*image[:3]) == renewed.read(*image[:3])
    TokenServer.token = "second"
    (tmp_path / "token").write_text("second")
    assert renewed.read(*image[:3]).data == b"image"
    with pytest.raises(
        StoreError, match=r"401 Unauthorized\) - the login is refused: .* it was good until now$"
    ) as ended:
        fixed.read(*image[:3])
    assert "first" not in str(ended.value)
    with pytest.raises(LoginRefusedError, match=r"bearer_token_command does by itself$"):
        list(by(bearer_token="first").list_objects(whole=True))
