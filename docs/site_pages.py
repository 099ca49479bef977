"""Makes the site of more than docs/: README and its neighbours are pages too, and so is every file that a page links to.

On a code host a link leads anywhere in the repository; in a site it has to lead to a page. mkdocs calls these functions.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
ABOVE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
ORIGINS = {page: file for file, page in ABOVE.items()}
WORDS_AFTER_LANGUAGE = re.compile(r"^( *`{3,}\w+) .+$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#\s:]+)(#[^)\s]*)?\)")


def on_files(files, config):
    """Add the pages above docs/, and one page for each file outside docs/ that any page links to."""
    for file, page in ABOVE.items():
        files.append(File.generated(config, page, content=(ROOT / file).read_text(encoding="utf-8")))
    for page in list(files.documentation_pages()):
        for target, _ in LINK.findall(page.content_string):
            path = _in_repository(page.src_uri, target)
            place = _on_the_site(path)
            if (ROOT / path).is_file() and files.get_file_from_path(place) is None:
                files.append(File.generated(config, place, content=_show(path)))
    return files


def on_page_markdown(markdown, page, **_):
    """Let every link of the repository lead to its page of the site; say of code its language only, as mkdocs reads it."""

    def lead(link):
        path = _in_repository(page.file.src_uri, link[1])
        place = posixpath.relpath(_on_the_site(path), posixpath.dirname(page.file.src_uri) or ".")
        return f"]({place}{link[2] or ''})"

    if page.file.src_uri.startswith("source/"):
        return markdown
    return LINK.sub(lead, WORDS_AFTER_LANGUAGE.sub(r"\1", markdown))


def _in_repository(page, target):
    folder = posixpath.dirname(ORIGINS.get(page, f"docs/{page}"))
    return posixpath.normpath(posixpath.join(folder, target))


def _on_the_site(path):
    if path in ABOVE:
        return ABOVE[path]
    return path.removeprefix("docs/") if path.startswith("docs/") else f"source/{path}.md"


def _show(path):
    kind = {".py": "python", ".yaml": "yaml", ".sql": "sql", ".toml": "toml"}.get(Path(path).suffix, "text")
    return f"# {path}\n\n`````{kind}\n{(ROOT / path).read_text(encoding='utf-8')}\n`````\n"
