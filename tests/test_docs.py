"""What guards the documentation: dead links are found, and each piece of source that a page shows is there."""

import importlib.util
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
# An option of `literalinclude`, and what stands in the source for its value.
MARKS = {"pyobject": r"^(?:def|class) {}\b", "start-at": "{}", "end-before": "{}"}


def of_docs(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def links():
    return of_docs("links")


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({}, None),
        ({"FASTLAYERS_REPOSITORY": "https://example.org/a/b/", "GITHUB_REPOSITORY": "c/d"}, "https://example.org/a/b"),
        ({"READTHEDOCS_GIT_CLONE_URL": "https://example.org/a/b.git"}, "https://example.org/a/b"),
        ({"READTHEDOCS_GIT_CLONE_URL": "git@example.org:a/b.git"}, "https://example.org/a/b"),
        ({"GITHUB_SERVER_URL": "https://git.example.org", "GITHUB_REPOSITORY": "a/b"}, "https://git.example.org/a/b"),
    ],
)
def test_the_pages_link_to_the_repository_that_they_are_built_from(environment, address):
    repository = of_docs("repository")
    assert repository.address(environment) == address
    assert [link["url"] for link in repository.icon_links(environment)] == ([address] if address else [])


def test_what_is_no_address_of_a_repository_is_refused():
    with pytest.raises(ValueError, match="not be 'javascript:x'"):
        of_docs("repository").address({"FASTLAYERS_REPOSITORY": "javascript:x"})


def write(folder, **pages):
    for name, body in pages.items():
        path = folder / f"{name.replace('__', '/')}.html"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"<html><body>{body}</body></html>")


def test_links_that_lead_somewhere(links, tmp_path):
    write(
        tmp_path,
        index='<h1 id="it">A</h1> <a href="sub/page.html#here">b</a> <a href="#it">c</a> <a href="sub/">d</a>'
        '<a href="https://example.org/x#y">e</a> <a href="mailto:a@example.org">f</a> <img src="a%20b.png"> <a>g</a>',
        sub__page='<p id="here"></p><a href="../index.html?query=1">back</a>',
        sub__index="",
    )
    (tmp_path / "a b.png").write_bytes(b"")
    assert list(links.dead_links(tmp_path)) == []


@pytest.mark.parametrize(
    "tag",
    [
        '<a href="gone.html"></a>',
        '<a href="page.html#gone"></a>',
        '<a href="#gone"></a>',
        '<img src="gone.png">',
        '<script src="gone.js"></script>',
        '<link href="gone.css">',
        '<a href="../outside.html"></a>',
    ],
)
def test_links_that_lead_nowhere(links, tmp_path, tag):
    (tmp_path / "outside.html").write_text("")
    folder = tmp_path / "built"
    folder.mkdir()
    write(folder, index=tag, page="")
    dead = re.search('"(.*)"', tag)[1]
    assert list(links.dead_links(folder)) == [(folder / "index.html", dead)]


def test_no_page_at_all_is_a_fault(links, tmp_path):
    assert list(links.dead_links(tmp_path)) == [(tmp_path, "no page at all")]


def test_every_term_of_a_definition_list_begins_a_paragraph():
    """Where the blank line before a term is missing, the definition above swallows the term and its text."""
    swallowed = []
    for page in sorted(DOCS.rglob("*.md")):
        lines = page.read_text("utf-8").splitlines()
        swallowed += [f"{page.name}:{n}" for n in range(2, len(lines)) if lines[n].startswith(": ") and lines[n - 2]]
    assert not swallowed


def test_every_page_gives_the_same_number_of_goals_that_are_met():
    """`bench/report.py` counts them in docs/benchmarks.md; other pages repeat the count."""
    pages = [DOCS.parent / "README.md", *DOCS.rglob("*.md")]
    counts = {count: page.name for page in pages for count in re.findall(r"\d+ of \d+ goals", page.read_text("utf-8"))}
    assert len(counts) == 1, counts


def test_links_of_the_readme_lead_to_files():
    links = re.findall(r"\]\(([^)#:]+)\)", (DOCS.parent / "README.md").read_text("utf-8"))
    assert links
    assert not [link for link in links if not (DOCS.parent / link).exists()]


def shown_sources():
    """Each source that a page shows, and the marks of the piece that it shows of it."""
    for page in sorted([*DOCS.glob("*/*.md"), *DOCS.glob("reference/*.rst")]):
        found = re.finditer(r"(?:\{literalinclude\}|literalinclude::) (\S+)\n((?: *:.*\n)*)", page.read_text("utf-8"))
        for place, options in (match.groups() for match in found):
            marks = re.findall(r":([\w-]+): (.*)", options)
            yield pytest.param(
                page.parent / place, marks, id=f"{page.name}-{place}-{dict(marks).get('pyobject', marks)}"
            )


@pytest.mark.parametrize(("source", "marks"), list(shown_sources()))
def test_the_source_that_a_page_shows_is_there_once(source, marks):
    """A build that shows the wrong lines would not fail."""
    text = source.read_text("utf-8")
    for option, value in marks:
        if option in MARKS:
            assert len(re.findall(MARKS[option].format(re.escape(value)), text, flags=re.MULTILINE)) == 1, value
    starts = dict(marks)
    if "start-at" in starts:
        assert text.index(starts["start-at"]) < text.index(starts["end-before"])
