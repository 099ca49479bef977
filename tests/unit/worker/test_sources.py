import errno
from dataclasses import replace

import pytest

from shoal.contract.errors import ConfigError, StoreError
from shoal.stores import s3_reading
from shoal.stores.images import Fetched, ImageArchived, ImageChanged, ImageDenied, ImageGone
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess
from shoal_worker.sources.mount import MountSource
from worker.http_faults import cut, faulty_store, first, status, whole
from worker.processes import md5

DATA = b"the bytes of an image"
MD5 = md5(DATA)
ODD_KEYS = ["raw/uni-fish #1%?.jpg", "ämter/魚 +&=.jpg", "a b/'quoted' \"twice\".jpg", "deep/" * 30 + "x.jpg"]


@pytest.fixture
def s3_source(running_store, empty_bucket):
    return S3Store(running_store.access, empty_bucket)


@pytest.fixture
def short_pauses(monkeypatch):
    monkeypatch.setattr(s3_reading, "BODY_PAUSES_S", (0.0, 0.0))


@pytest.fixture
def mounted(tmp_path):
    """A folder that shows a bucket with one image."""
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/a.jpg").write_bytes(DATA)
    return MountSource(tmp_path, pauses_s=(0.0,))


def faulty_source(endpoint_url: str) -> S3Store:
    return S3Store(StoreAccess(endpoint_url, "accesskey123", "secretkey123456"), "fish")


# --- direct ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ODD_KEYS)
def test_s3_gives_the_bytes_and_has_checked_the_etag(s3_source, running_store, empty_bucket, key):
    running_store.put(empty_bucket, key, DATA)
    assert s3_source.read(key, MD5, len(DATA)) == Fetched(DATA, version_checked=True)
    assert s3_source.read(key, f'"{MD5}"', len(DATA)).data == DATA


def test_s3_gives_an_empty_object(s3_source, running_store, empty_bucket):
    running_store.put(empty_bucket, "empty.jpg", b"")
    assert s3_source.read("empty.jpg", md5(b""), 0).data == b""


def test_s3_tells_another_etag_at_the_same_size(s3_source, running_store, empty_bucket):
    running_store.put(empty_bucket, "a.jpg", DATA[::-1])
    with pytest.raises(ImageChanged, match=f"a.jpg: ETag [0-9a-f]{{32}}, listed {MD5}"):
        s3_source.read("a.jpg", MD5, len(DATA))


def test_s3_tells_another_size(s3_source, running_store, empty_bucket):
    running_store.put(empty_bucket, "a.jpg", DATA)
    with pytest.raises(ImageChanged, match=r"a.jpg: 21 bytes, listed 22"):
        s3_source.read("a.jpg", MD5, len(DATA) + 1)


def test_s3_tells_that_an_object_is_gone(s3_source):
    with pytest.raises(ImageGone):
        s3_source.read("a.jpg", MD5, len(DATA))


def test_a_missing_bucket_is_a_configuration_error(running_store):
    source = S3Store(running_store.access, "no-such-bucket")
    with pytest.raises(ConfigError, match=r"No bucket 'no-such-bucket' at http.* - create it or correct its name"):
        source.read("a.jpg", MD5, len(DATA))


def test_a_wrong_password_is_a_configuration_error(running_store, empty_bucket):
    access = replace(running_store.access, secret_key="wrong-wrong-wrong")
    with pytest.raises(ConfigError, match=r"denied \(SignatureDoesNotMatch\) - check the login and password"):
        S3Store(access, empty_bucket).read("a.jpg", MD5, len(DATA))


@pytest.mark.parametrize("key", ["a/../b.jpg", "./b.jpg", "a/./b.jpg", ".."])
def test_s3_refuses_keys_that_the_client_would_normalise(s3_source, key):
    with pytest.raises(
        ImageDenied, match=r"would be normalised to another one - rename the object, or put the key into source\.ignore"
    ):
        s3_source.read(key, MD5, len(DATA))


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(status(503, "SlowDown"), id="503"),
        pytest.param(status(500, "InternalError", "text/plain"), id="500 in plain text"),
        pytest.param(cut(DATA, keep=7), id="a body that is cut"),
    ],
)
def test_a_fault_that_passes_is_not_noticed(fault, short_pauses):
    with faulty_store(first(2, fault, whole(DATA, MD5))) as (endpoint_url, requests):
        assert faulty_source(endpoint_url).read("a.jpg", MD5, len(DATA)) == Fetched(DATA, version_checked=True)
    assert len(requests) == 3


def test_bodies_cut_again_and_again_are_an_infrastructure_error(short_pauses):
    with (
        faulty_store(cut(DATA, keep=7)) as (endpoint_url, requests),
        pytest.raises(StoreError, match=r"No answer from http.* for bucket 'fish'"),
    ):
        faulty_source(endpoint_url).read("a.jpg", MD5, len(DATA))
    assert len(requests) == 3


def test_a_store_that_stays_overloaded_is_an_infrastructure_error(monkeypatch):
    monkeypatch.setenv("SHOAL_STORE_PATIENCE_S", "0.4")
    with (
        faulty_store(status(503, "SlowDown")) as (endpoint_url, _),
        pytest.raises(StoreError, match=r"bucket 'fish' .* failed again and again: SlowDown - .* fewer workers"),
    ):
        faulty_source(endpoint_url).read("a.jpg", MD5, len(DATA))


@pytest.mark.parametrize("code", ["AccessDenied", "AllAccessDisabled", "KMS.DisabledException", "KMS.NewException"])
def test_an_object_that_the_store_refuses_is_denied(code):
    with (
        faulty_store(status(403, code)) as (endpoint_url, _),
        pytest.raises(ImageDenied, match=rf"denied \({code}\) - "),
    ):
        faulty_source(endpoint_url).read("a.jpg", MD5, len(DATA))


def test_an_object_in_an_archive_is_told_so():
    with (
        faulty_store(status(403, "InvalidObjectState")) as (endpoint_url, _),
        pytest.raises(ImageArchived, match=r"It lies in an archive \(InvalidObjectState\) - restore it first"),
    ):
        faulty_source(endpoint_url).read("a.jpg", MD5, len(DATA))


def test_a_page_not_found_that_is_no_answer_of_s3_does_not_mean_gone():
    with (
        faulty_store(status(404, "", "text/html")) as (endpoint_url, _),
        pytest.raises(StoreError, match="failed: non-XML response"),
    ):
        faulty_source(endpoint_url).read("a.jpg", MD5, len(DATA))


def test_a_store_without_etags_leaves_them_unchecked():
    with faulty_store(whole(DATA)) as (endpoint_url, _):
        assert faulty_source(endpoint_url).read("a.jpg", MD5, len(DATA)) == Fetched(DATA, version_checked=False)


@pytest.mark.parametrize(
    ("version", "modified", "etag", "checked"),
    [
        pytest.param("time:2026-06-01T02:03:04Z", "Mon, 01 Jun 2026 02:03:04 GMT", "", True, id="its time"),
        pytest.param(
            "time:2026-06-01T02:03:04.567000Z", "Mon, 01 Jun 2026 02:03:04 GMT", "", True, id="with a fraction"
        ),
        pytest.param(
            "time:2026-06-01T02:03:04Z", "Mon, 01 Jun 2026 02:03:04 GMT", MD5, True, id="an ETag nobody listed"
        ),
        pytest.param("time:2026-06-01T02:03:04Z", "", "", False, id="no time"),
        pytest.param("time:2026-06-01T02:03:04Z", "yesterday", "", False, id="a time that is none"),
    ],
)
def test_an_object_listed_without_an_etag_is_compared_by_its_time(version, modified, etag, checked):
    with faulty_store(whole(DATA, etag, modified)) as (endpoint_url, _):
        assert faulty_source(endpoint_url).read("a.jpg", version, len(DATA)) == Fetched(DATA, version_checked=checked)


def test_an_object_listed_without_an_etag_and_overwritten_has_changed():
    with (
        faulty_store(whole(DATA, modified="Mon, 01 Jun 2026 02:03:05 GMT")) as (endpoint_url, _),
        pytest.raises(ImageChanged, match=r"a\.jpg: last modified 2026-06-01T02:03:05Z, listed 2026-06-01T02:03:04Z"),
    ):
        faulty_source(endpoint_url).read("a.jpg", "time:2026-06-01T02:03:04Z", len(DATA))


def test_connections_are_used_again():
    with faulty_store(whole(DATA, MD5)) as (endpoint_url, _):
        source = faulty_source(endpoint_url)
        for _ in range(3):
            source.read("a.jpg", MD5, len(DATA))
        pools = source._images_client._http.pools
        assert sum(pools[key].num_connections for key in pools.keys()) == 1  # noqa: SIM118 - no mapping


# --- mount ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("etag", "checked"),
    [
        pytest.param(MD5, True, id="an MD5 is checked"),
        pytest.param(f'"{MD5}"', True, id="quotes do not matter"),
        pytest.param("0123456789abcdef0123456789abcdef-7", False, id="the ETag of a multipart upload cannot be"),
        pytest.param("", False, id="no ETag, no check"),
        pytest.param("time:2026-06-01T02:03:04Z", False, id="a file's time is no version"),
    ],
)
def test_mount_gives_the_bytes(mounted, etag, checked):
    assert mounted.read("raw/a.jpg", etag, len(DATA)) == Fetched(DATA, version_checked=checked)


@pytest.mark.parametrize("key", ODD_KEYS)
def test_mount_reads_odd_keys(tmp_path, key):
    (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / key).write_bytes(DATA)
    assert MountSource(tmp_path).read(key, MD5, len(DATA)).data == DATA


def test_mount_tells_other_bytes_of_the_same_size(mounted):
    with pytest.raises(ImageChanged, match="MD5 of the bytes is not the listed ETag"):
        mounted.read("raw/a.jpg", "0" * 32, len(DATA))


def test_mount_tells_another_size(mounted):
    with pytest.raises(ImageChanged, match=r"a.jpg: 21 bytes, listed 20"):
        mounted.read("raw/a.jpg", MD5, len(DATA) - 1)


@pytest.mark.parametrize("key", ["raw/b.jpg", "other/a.jpg"])
def test_a_missing_file_of_a_mounted_bucket_is_gone(mounted, key):
    with pytest.raises(ImageGone):
        mounted.read(key, MD5, len(DATA))


def test_a_missing_file_below_an_empty_root_is_an_infrastructure_error(tmp_path):
    with pytest.raises(StoreError, match=r"Mount .* failed for 'raw/a.jpg': No such file.* - check the bucket sidecar"):
        MountSource(tmp_path, pauses_s=()).read("raw/a.jpg", MD5, len(DATA))


def test_a_missing_root_is_an_infrastructure_error(tmp_path):
    with pytest.raises(StoreError, match="check the bucket sidecar's log"):
        MountSource(tmp_path / "nothing", pauses_s=()).read("raw/a.jpg", MD5, len(DATA))


def test_a_mount_that_comes_back_is_not_noticed(tmp_path):
    class ComingBack(MountSource):
        def _is_mounted(self):
            (tmp_path / "a.jpg").write_bytes(DATA)
            return False

    assert ComingBack(tmp_path, pauses_s=(0.0,)).read("a.jpg", MD5, len(DATA)).data == DATA


def test_an_input_output_error_is_an_infrastructure_error(tmp_path):
    # A process may open its own memory as a file and read nothing from it: a real EIO.
    (tmp_path / "a.jpg").symlink_to("/proc/self/mem")
    with pytest.raises(StoreError, match="Input/output error") as caught:
        MountSource(tmp_path, pauses_s=()).read("a.jpg", "", 0)
    assert caught.value.__cause__.errno == errno.EIO


@pytest.mark.parametrize(
    "key", ["../outside.jpg", "raw/../../outside.jpg", "/etc/hostname", "raw//a.jpg", "raw/./a.jpg", "raw/", ""]
)
def test_no_key_leads_to_another_file(mounted, tmp_path, key):
    (tmp_path.parent / "outside.jpg").write_bytes(DATA)
    with pytest.raises(
        ImageDenied, match="empty part, or one of dots, which a path loses - read it with transfer: direct"
    ):
        mounted.read(key, MD5, len(DATA))


@pytest.mark.parametrize(
    ("key", "message"),
    [
        pytest.param("raw", "Is a directory", id="an object that is a prefix of others"),
        pytest.param("raw/a.jpg/b.jpg", "Not a directory", id="an object below another object"),
        pytest.param("x" * 300, "has a part of 300 bytes, a file name has 255", id="a long name"),
        pytest.param("x\t" * 70, "has a part of 280 bytes", id="a name that its pictures make long"),
        pytest.param("a\0b", "has a zero byte, which no file name can have", id="a zero byte"),
        pytest.param(
            "\u201b\u2409.jpg", "a character that rclone writes for another one", id="rclone's own quotation mark"
        ),
    ],
)
def test_keys_that_no_file_can_have_say_what_to_do(mounted, key, message):
    with pytest.raises(ImageDenied, match=f"{message}.* - read it with transfer: direct"):
        mounted.read(key, MD5, len(DATA))
