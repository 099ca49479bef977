import pytest

from shoal.contract.rows import Status
from shoal.stores.images import ImageDenied
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess
from shoal_worker.examine import Examiner
from shoal_worker.rows.parts import ListedImage, Stamp
from worker.http_faults import faulty_store, status

IMAGE = ListedImage("a.jpg", "e", 7)


def examiner_of(endpoint_url):
    source = S3Store(StoreAccess(endpoint_url, "accesskey123", "secretkey123456"), "fish")
    return Examiner(source, None, 10**8, Stamp("1", "20260101T000000Z-testtest", "attempt1"), scan_limit=500)


def test_an_object_in_an_archive_that_the_listing_did_not_tell_of_is_a_row():
    with faulty_store(status(403, "InvalidObjectState")) as (endpoint_url, _):
        row = examiner_of(endpoint_url).prepare(IMAGE)
    assert row.status == Status.DENIED
    assert "in an archive: restore it, then run again" in row.detail


def test_an_object_that_the_store_refuses_is_not_yet_a_row():
    said = r"denied \(KMS.DisabledException\) - .* kms:Decrypt"
    with (
        faulty_store(status(403, "KMS.DisabledException")) as (endpoint_url, _),
        pytest.raises(ImageDenied, match=said),
    ):
        examiner_of(endpoint_url).prepare(IMAGE)
