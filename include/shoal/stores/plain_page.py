"""A listing page in the form in which stores write nearly all of them, read without an XML parser for each object.

What stands around the objects is read by the parser all the same. Objects are read here only where their text is so plain that
XML leaves no doubt of it: one that is written in any other way, and the whole page is left to the parser.
"""

import re
from typing import NamedTuple
from xml.etree import ElementTree as ET

_BEGIN, _END = "<Contents>", "</Contents>"

_DECLARATION = re.compile(
    r'\s*(?:<\?xml version="1\.0"(?: encoding="(?:UTF|utf)-8")?(?: standalone="(?:yes|no)")?\s*\?>)?'
)

_QUOTE = '(?:&quot;|&#34;|")?'

_OBJECT = re.compile(
    rf"({_BEGIN}"
    r"<Key>([!-%'-;=?-~]*)</Key>"  # printable, and none of < > &: encoded for an address, a key has no others
    r"<LastModified>([0-9TZ:.+-]*)</LastModified>"
    rf"<ETag>{_QUOTE}([0-9A-Za-z-]*){_QUOTE}</ETag>"
    r"(?:<ChecksumAlgorithm>[0-9A-Z_]*</ChecksumAlgorithm>)?(?:<ChecksumType>[A-Z_]*</ChecksumType>)?"
    r"<Size>([0-9]{1,18})</Size>"
    r"(?:<StorageClass>([0-9A-Z_-]*)</StorageClass>)?(?:<Type>[A-Za-z]*</Type>)?"
    rf"{_END})"
)


class PlainPage(NamedTuple):
    """A page whose objects are cut out.

    Attributes:
        around: What stands around them; one empty `Contents` is left in their place.
        objects: Of each the text that it was read from, key, time, ETag, size and storage class: all as they are written.
    """

    around: ET.Element
    objects: list[tuple[str, str, str, str, str, str]]


def cut_plain_page(data: bytes) -> PlainPage | None:
    """Cut the objects out of a page; None where only a parser can tell what is written there."""
    if not data.isascii():
        return None
    text = data.decode("ascii")
    begin, end = text.find(_BEGIN), text.rfind(_END) + len(_END)
    if not 0 <= begin < end:
        return None
    objects = _OBJECT.findall(text, begin, end)
    if sum([len(found[0]) for found in objects]) != end - begin:  # in order and apart, as they are, they are all of it
        return None
    around = _read_around(text[:begin], text[end:])
    return None if around is None else PlainPage(around, objects)


def _read_around(head: str, tail: str) -> ET.Element | None:
    """Read what stands around objects; None where that may make something else of them."""
    declared = _DECLARATION.match(head)
    rest = head[declared.end() if declared else 0 :] + tail
    if "<!" in rest or "<?" in rest:  # in a comment, or what is no text, objects would be none
        return None
    try:
        around = ET.fromstring(f"{head}<Contents/>{tail}".encode())  # noqa: S314 - as parse_page
    except ET.ParseError:
        return None
    namespace = around.tag.partition("}")[0] + "}" if around.tag.startswith("{") else ""
    lie_there = [child.tag for child in around].count(f"{namespace}Contents") == 1  # in nothing else, and no others do
    return around if lie_there and around.findtext(f"{namespace}EncodingType") == "url" else None
