"""Names that somebody who may write to a bucket could choose, to reach further than the bucket."""

DATE = "20260601-120000"

FILE_NAMES = {
    "template": "{{ conn.shoal_demo.password }}",
    "statement": "{% for x in [].__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "html": "<img src=x onerror=alert(1)><script>alert(1)<!--",
    "sql": "x'); DROP TABLE rows; --",
    "double quotes": 'a"b\\"c',
    "shell": "$(touch hostile) `touch hostile`; touch hostile | touch hostile & #",
    "kubernetes variable": "$(SHOAL_SOURCE_SECRET_KEY) $$(x) $x ${SHOAL_SOURCE_SECRET_KEY}",
    "remote": ":s3,endpoint=evil.example:bucket",
    "format": "%s %(name)s %d {0} {key}",
    "glob": "*?[a-z]{a,b}",
    "percent": "%2e%2e%2fup %00 +&=?",
    "dots": "..%2f... ..",
    "control": "new\nline\r\ttab \x1b[31mred \x07",
    "spreadsheet": '=HYPERLINK("evil.example")',
    "formula": "$\\frac{1}{0}$ _$x^",
    "bidirectional": "photo\u202egpj.exe",
}  # fmt: skip
"""By what they attack; each is one part of a key, without a slash."""


def hostile_keys() -> dict[str, str]:
    """Each as a key with camera and capture time, and one key as long as a key can be (1,024 bytes)."""
    keys = {
        attack: f"{DATE[:-2]}{number:02}-{name}-CAM1.jpg" for number, (attack, name) in enumerate(FILE_NAMES.items())
    }
    parts = "/".join(["d" * 200] * 4)
    longest = f"{parts}/{DATE[:-2]}59-{'ü' * 90}-CAM1.jpg"
    keys["longest"] = "l" * (1024 - len(longest.encode())) + longest
    return keys
