import pytest

from shoal.contract.errors import StoreError
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess
from shoal_worker.examine import Examiner
from shoal_worker.rows.parts import ListedImage, Stamp
from worker.http_faults import faulty_store, status


@pytest.mark.parametrize(
    ("code", "said"),
    [
        pytest.param("InvalidObjectState", r"lies in an archive .* restore it first", id="archived"),
        pytest.param("KMS.DisabledException", r"denied \(KMS.DisabledException\) - .* kms:Decrypt", id="denied"),
    ],
)
def test_an_object_that_the_store_does_not_give_has_no_row(code, said):
    with faulty_store(status(403, code)) as (endpoint_url, _):
        source = S3Store(StoreAccess(endpoint_url, "accesskey123", "secretkey123456"), "fish")
        examiner = Examiner(source, None, 10**8, Stamp("1", "20260101T000000Z-testtest", "attempt1"))
        with pytest.raises(StoreError, match=said):
            examiner.prepare(ListedImage("a.jpg", "e", 7))
