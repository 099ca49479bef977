"""Bundles the script that draws the report's charts, from what the development environment has installed: `make vega`.

It is kept in the repository, 0.9 MB, rather than made for each report: the wheel that makes it is 32 MB, holds a whole browser
engine and takes seconds and 160 MB of memory each time. tests/unit/exports/test_report.py makes it again and compares.
"""

from pathlib import Path

BUNDLE = Path(__file__).parents[2] / "include/shoal/exports/report/vega/bundle.min.js"


def bundle() -> str:
    """Bundle Vega-Lite, Vega, its interpreter and Vega-Embed into one classic script.

    Raises:
        ImportError: vl-convert-python is not installed.
    """
    import vl_convert

    versions = (
        f"vega {vl_convert.get_vega_version()}, vega-lite {vl_convert.get_vegalite_versions()[-1]}, "
        f"vega-embed {vl_convert.get_vega_embed_version()}"
    )
    script = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    # Lines of their own: none of half a megabyte in reviews.
    return f"/* {versions}; licences: LICENSES.txt beside this file */\n(function () {{\n{script}\n}})();\n"


if __name__ == "__main__":
    BUNDLE.write_text(bundle(), encoding="utf-8")
