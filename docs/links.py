"""Ask that every link between the built pages leads somewhere: ``python docs/links.py FOLDER``."""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """What a page links to, and the places in it that can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors = {"", "top"}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.anchors |= {found[key] for key in ("id", "name") if found.get(key)}
        key = "src" if tag in ("img", "script", "source") else "href"
        if found.get(key) is not None:
            self.links.append(found[key])


def dead_links(folder: Path):
    """Each page and link that leads to no file or to no place in it; links that leave the pages are left alone."""
    # The theme keeps templates among its static files.
    paths = [path for path in sorted(folder.rglob("*.html")) if "_static" not in path.parts]
    pages = {path: Page(path) for path in paths}
    if not pages:
        yield folder, "no page at all"
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            found = target.is_relative_to(folder) and target.is_file()
            if not found or (target in pages and unquote(parts.fragment) not in pages[target].anchors):
                yield path, link


if __name__ == "__main__":
    root = Path(sys.argv[1]).resolve()
    dead = [f"{path.relative_to(root) if path != root else path}: {link}" for path, link in dead_links(root)]
    print(*dead, sep="\n", end="\n" if dead else "")
    print(f"{len(dead)} dead links")
    sys.exit(bool(dead))
