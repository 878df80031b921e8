"""Where the repository is, which every page links to.

The address is that of ``FASTLAYERS_REPOSITORY``, or else what Read the Docs or GitHub Actions say of the repository
that they build the pages from. Where nothing says it, as in a checkout of one's own, the pages have no such link.
"""

from collections.abc import Mapping


def address(environment: Mapping[str, str]) -> str | None:
    """The repository's page, for a browser; None where it is not known."""
    found = environment.get("FASTLAYERS_REPOSITORY") or environment.get("READTHEDOCS_GIT_CLONE_URL")
    if not found and environment.get("GITHUB_REPOSITORY"):
        found = f"{environment.get('GITHUB_SERVER_URL', 'https://github.com')}/{environment['GITHUB_REPOSITORY']}"
    if not found:
        return None
    if found.startswith("git@"):  # what is cloned by ssh is read at the same place by https
        found = "https://" + found.removeprefix("git@").replace(":", "/", 1)
    if not found.startswith("https://"):
        raise ValueError(f"the repository's address must begin with https://, not be {found!r}")
    return found.removesuffix("/").removesuffix(".git")


def icon_links(environment: Mapping[str, str]) -> list[dict[str, str]]:
    """The link for the theme's navigation."""
    url = address(environment)
    return [] if url is None else [{"name": "Repository", "url": url, "icon": "fa-solid fa-code-branch"}]
