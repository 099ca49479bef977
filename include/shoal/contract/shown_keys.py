"""Object keys as people see them: one line each, which pastes into a dataset file as it stands."""

import json


def quoted_key(key: str) -> str:
    r"""Write a key as a YAML double-quoted scalar, such as `"cam 1/ü.jpg"`: what no screen shows becomes an escape.

    Letters of any language stay as they are. Control characters, U+0085, U+2028, the byte order mark, what changes the
    direction of writing and spaces other than " " are written `\uXXXX`, or `\UXXXXXXXX` beyond U+FFFF: a pair of
    surrogates, as JSON writes those, is no character in YAML (YAML 1.2.2, section 5.7).

    Args:
        key: Any key.
    """
    return '"' + "".join(map(_shown, key)) + '"'


def shown_json(found: object) -> str:
    """Write a value as one line of JSON: letters as they are, what no screen shows as JSON's escapes."""
    text = json.dumps(found, ensure_ascii=False)
    return text if text.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def _shown(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():  # " " is the one space that is
        return character
    code = ord(character)
    return f"\\U{code:08x}" if code > 0xFFFF else json.dumps(character)[1:-1]
