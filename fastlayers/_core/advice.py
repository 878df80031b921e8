"""What a user can do who lacks kernels, or a package that few need: commands that work however this one was installed.

It is imported where something is missing. What it takes to give advice is imported when there is some to give, since
a process without kernels may well be in order.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import warnings
from collections.abc import Collection
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import Distribution

_NAME = "fastlayers"
_PACKAGE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))  # noqa: PTH120  # see above
_COMPILER = (
    "install a C compiler (Debian: apt-get install gcc python3-dev; macOS: xcode-select --install; "
    "Windows: Visual Studio Build Tools)"
)
PURE = "this is the pure wheel (py3-none-any), which has none"
_REASON = "with FASTLAYERS_REQUIRE_KERNELS=1 the build says why it fails"
_OF_EXTRA = re.compile(r"(?P<requirement>[^;]+); (?P<condition>.+ and )?extra == [\"'](?P<extra>[^\"']+)[\"']")


def install(extra: str, package: str) -> str:
    """The command that installs what one of this package's extras names.

    The requirements themselves: what has an index of none of its own, a checkout say, cannot be asked for by name.

    Parameters
    ----------
    extra : str
    package : str
        The one that is missing, if nothing is known of the extra: sources may be used that were never installed.
    """
    import shlex
    from importlib import metadata

    try:
        known = metadata.requires(_NAME) or []
    except metadata.PackageNotFoundError:
        known = []
    found = [match for match in map(_OF_EXTRA.fullmatch, known) if match is not None and match["extra"] == extra]
    wanted = ["; ".join(filter(None, match.group("requirement", "condition"))).removesuffix(" and ") for match in found]
    return f"pip install {shlex.join(wanted or [package])}"


def how_to_build() -> str:
    """What gives the user kernels, as the end of a sentence."""
    import shlex
    from pathlib import Path

    checkout, origin = Path(_PACKAGE).parent, _origin()
    if not (checkout / "setup.py").is_file():
        again = f"pip install --force-reinstall --no-deps --no-cache-dir {shlex.join(_source(origin))}"
        return f"{_COMPILER}, then: {again}; {_REASON}"
    build = f"build them in place with: pip install -e {shlex.quote(str(checkout))}"
    if not origin.get("dir_info", {}).get("editable"):  # Python prefers the folder it is started in
        build = f"leave {checkout}, whose sources were imported instead of an installed package, or {build}"
    return f"{build}; if that has failed, {_COMPILER} first; {_REASON}"


def is_pure() -> bool:
    """Whether this package was installed as the wheel that has no kernels, for any platform."""
    distribution = _distribution()
    if distribution is None or os.path.realpath(str(distribution.locate_file(_NAME))) != _PACKAGE:
        return False
    return "Root-Is-Purelib: true" in (distribution.read_text("WHEEL") or "")


def warn_of_hidden_kernels(modules: Collection[str], stacklevel: int) -> None:
    """Warn where this package, which has no kernels, is imported in place of an installed one that has them.

    Those are not taken: sources and kernels of two versions would be mixed.

    Parameters
    ----------
    modules : collection of str
        The names that kernels may have.
    stacklevel : int
        Of the import, as `warnings.warn` counts from its caller.
    """
    for folder in filter(None, sys.path):  # an empty one is the current folder, where this package is then from
        other = os.path.realpath(f"{folder}/{_NAME}")
        kernels = [f"{other}/kernels"]
        if other != _PACKAGE and any(PathFinder.find_spec(f"{_NAME}.kernels.{name}", kernels) for name in modules):
            import shlex

            ours, remedy = (
                f"the pure wheel in {_PACKAGE}, which has no compiled kernels, is",
                "uninstall one of the two",
            )
            if not is_pure():
                ours = f"the sources in {_PACKAGE}, which have no compiled kernels, are"
                build = f"pip install -e {shlex.quote(os.path.realpath(f'{_PACKAGE}/..'))}"
                remedy = f"start Python in another folder or with -P, or build kernels in place with: {build}"
            warnings.warn(
                f"{ours} imported in place of {other}, which has them: {remedy}",
                RuntimeWarning,
                stacklevel=stacklevel + 1,
            )
            return


@functools.cache
def _distribution() -> Distribution | None:
    """What is installed under the package's name; Python makes cycles of objects each time that it looks."""
    from importlib import metadata

    try:
        return metadata.distribution(_NAME)
    except metadata.PackageNotFoundError:
        return None


def _origin() -> dict[str, Any]:
    """Where the package was installed from, as PEP 610 has it; nothing for an index."""
    import json

    distribution = _distribution()
    text = None if distribution is None else distribution.read_text("direct_url.json")
    origin: dict[str, Any] = json.loads(text or "{}")
    return origin


def _source(origin: dict[str, Any]) -> list[str]:
    """What pip installs the package from: a folder, a file, a repository, or by name from its index.

    In place of the pure wheel, which has nothing to build, by name what its sources are in.
    """
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    url: str = origin.get("url", _NAME)
    if is_pure() and (url == _NAME or url.endswith(".whl")):
        return ["--no-binary", _NAME, _NAME]
    if url.startswith("file:"):
        url = url2pathname(urlsplit(url).path)
    version = origin.get("vcs_info")
    return [url if version is None else f"{version['vcs']}+{url}@{version['commit_id']}"]
