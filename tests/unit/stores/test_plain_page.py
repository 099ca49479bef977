"""A page that is read without a parser is what the parser reads: of whatever text, the same objects or the same error."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shoal.contract.errors import StoreError
from shoal.stores import s3_listing
from shoal.stores.plain_page import cut_plain_page
from shoal.stores.s3_listing import parse_page

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>fish</Name>'
    "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>next</NextContinuationToken>"
)
TAIL = "<CommonPrefixes><Prefix>2026/</Prefix></CommonPrefixes></ListBucketResult>"


def contents(key="a.jpg", etag="&quot;abc-2&quot;", modified="2026-06-01T02:03:04.567Z", size="17", more=""):
    return (
        f"<Contents><Key>{key}</Key><LastModified>{modified}</LastModified><ETag>{etag}</ETag>"
        f"<Size>{size}</Size>{more}</Contents>"
    )


STANDARD = "<StorageClass>STANDARD</StorageClass>"
AMAZON = contents().replace(
    "<Size>", "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType><Size>"
)


def by_parser(data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(s3_listing, "cut_plain_page", lambda _: None)
        return outcome(data)


def outcome(data):
    try:
        return parse_page(data)
    except StoreError as err:
        return str(err)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(contents(more=STANDARD), id="most stores"),
        pytest.param(contents(etag="&#34;abc&#34;", more=STANDARD), id="MinIO"),
        pytest.param(AMAZON, id="Amazon S3"),
        pytest.param(contents(more="<StorageClass>STANDARD</StorageClass><Type>Normal</Type>"), id="Ceph"),
        pytest.param(contents(etag='"abc"'), id="rclone"),
        pytest.param(contents(etag=""), id="no ETag"),
        pytest.param(contents(key="%E7%85%A7%FF+1%26.jpg"), id="a key that is no text"),
        pytest.param(contents(key="folder/"), id="a folder"),
        pytest.param(contents(modified="2026-06-01T02:03:04+02:00"), id="another zone"),
    ],
)
def test_the_usual_forms_are_read_without_a_parser(written):
    data = (HEAD + written * 3 + TAIL).encode()
    assert cut_plain_page(data) is not None
    assert outcome(data) == by_parser(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(HEAD + "<!--" + contents() + "-->" + contents(key="b") + TAIL, id="a comment"),
        pytest.param(HEAD + "<Note><![CDATA[" + contents() + "]]></Note>" + TAIL, id="what is no markup"),
        pytest.param(HEAD + "<?note " + contents() + "?>" + TAIL, id="an instruction"),
        pytest.param(HEAD + "<Deleted>" + contents() + "</Deleted>" + TAIL, id="objects in something else"),
        pytest.param(HEAD + "<Contents ><Key>b</Key></Contents >" + contents() + TAIL, id="one written otherwise"),
        pytest.param(HEAD + contents() + "<Owner/>" + contents(key="b") + TAIL, id="something between them"),
        pytest.param(HEAD + contents() + contents(key="a&amp;b") + TAIL, id="an entity in a key"),
        pytest.param(HEAD + contents(more="<RestoreStatus/>") + TAIL, id="a field more"),
        pytest.param(HEAD + contents(more="<Size>18</Size>") + TAIL, id="a field twice"),
        pytest.param(HEAD + contents(size="-1") + TAIL, id="a size below none"),
        pytest.param(HEAD + contents(size="9223372036854775808") + TAIL, id="a size that is none"),
        pytest.param(HEAD.replace("UTF-8", "UTF-16") + contents() + TAIL, id="another encoding"),
        pytest.param(HEAD.replace("url", "") + contents(key="a%20b") + TAIL, id="keys as they are"),
        pytest.param(
            HEAD.replace("List", "s3:List").replace(" xmlns", " xmlns:s3")
            + contents()
            + TAIL.replace("/List", "/s3:List"),
            id="another namespace",
        ),
        pytest.param('<!DOCTYPE a [<!ENTITY b "c">]>' + HEAD + contents() + TAIL, id="a document type"),
        pytest.param(HEAD + TAIL, id="no object"),
        pytest.param(HEAD + contents(), id="no end"),
        pytest.param(HEAD + contents() + TAIL + "x", id="more behind the end"),
    ],
)
def test_what_is_written_in_any_other_way_is_left_to_the_parser(data):
    assert cut_plain_page(data.encode()) is None
    assert outcome(data.encode()) == by_parser(data.encode())


PIECES = st.sampled_from([
    "<!--", "-->", "<![CDATA[", "]]>", "<?x ", "?>", "<Contents>", "</Contents>", "<Contents/>", "<a>", "</a>", "<Key>", "</Key>",
    "<Key>b</Key>", "<Size>1</Size>", "<ETag/>", "&amp;", "&quot;", "&#x41;", "&", "<", ">", '"', "'", " ", "\n", "\r", "\0", "é", "%", "+",
    "/", "=", "https://a.org", ' xmlns="b"', "<StorageClass>GLACIER</StorageClass>", contents("c"), contents("d/"), "url", "true", "",
])  # fmt: skip


@settings(max_examples=400)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 60), PIECES), max_size=3))
@example([(0.0, 0, "")])
def test_a_page_that_was_changed_anywhere_is_read_as_the_parser_reads_it(changes):
    text = HEAD + contents("a") + AMAZON + contents("b", more=STANDARD) + TAIL
    for place, left_out, piece in changes:
        at = int(place * len(text))
        text = text[:at] + piece + text[at + left_out :]
    data = text.encode()
    assert outcome(data) == by_parser(data)
