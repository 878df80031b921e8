"""Would the tests notice? Bugs planted one by one in kernels, rules, formats, training: ``python tests/mutations.py``.

Each is put into a copy of the checkout, built there where it is in a kernel, and the tests near it are run as the
README runs them; where those notice nothing, with ``--all``. The short run must catch all but one, ``--all`` every one.
Of the tests only those near a bug are run: whatever they catch, all of them catch.
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bugs import MUTATIONS, Mutation

ROOT = Path(__file__).resolve().parents[1]
NOT_COPIED = shutil.ignore_patterns(
    ".*", "build", "dist", "*.egg-info", "__pycache__", "_build", "gallery", "generated"
)
MOST_MISSED = 1  # of the short run


def text_of(folder: Path, mutation: Mutation) -> str:
    """The text of its file, once the place for the bug is seen to be there."""
    text = (folder / "fastlayers" / mutation.file).read_text(encoding="utf-8")
    if text.count(mutation.old) != 1:
        raise SystemExit(
            f"fastlayers/{mutation.file} has {text.count(mutation.old)} places, not one, for: {mutation.old!r}\n"
            f"Give tests/bugs.py another text for the bug: {mutation.breaks}."
        )
    return text


@contextlib.contextmanager
def planted(folder: Path, mutation: Mutation, level: str) -> Iterator[None]:
    """The bug is in the copy, and where it is in a kernel, in the module of this level."""
    path, whole = folder / "fastlayers" / mutation.file, text_of(folder, mutation)
    modules = list(folder.glob(f"fastlayers/kernels/{level}.*.so")) if path.suffix == ".pyx" else []
    kept = [module.read_bytes() for module in modules]
    path.write_text(whole.replace(mutation.old, mutation.new), encoding="utf-8")
    if modules:
        build(folder, level)
    yield
    path.write_text(whole, encoding="utf-8")
    for module, content in zip(modules, kept, strict=True):
        module.write_bytes(content)


# Builds the module of one level alone, as setup.py would.
BUILD = """
import sys, setuptools
whole, level = setuptools.setup, sys.argv.pop()
def of_one_level(**options):
    options["ext_modules"] = [e for e in options["ext_modules"] if level in ("all", e.name.rpartition(".")[2])]
    return whole(**options)
setuptools.setup = of_one_level
exec(compile(open("setup.py").read(), "setup.py", "exec"))
"""


def build(folder: Path, level: str) -> None:
    """Build the kernels of one level, or of ``all``, in place."""
    command = [sys.executable, "-c", BUILD, "--quiet", "build_ext", "--inplace", "--parallel=2", level]
    environment = {**os.environ, "FASTLAYERS_REQUIRE_KERNELS": "1"}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise SystemExit(f"the kernels could not be built:\n{(ran.stdout + ran.stderr)[-5000:]}")


def noticed(folder: Path, tests: str, *options: str) -> str | None:
    """The first test that failed, or None where all passed."""
    files = [f"tests/test_{name}.py" for name in tests.split()]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--tb=no", "-p", "no:cacheprovider", *options, *files]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if ran.returncode not in (0, 1):
        raise SystemExit(f"the tests could not be run:\n{(ran.stdout + ran.stderr)[-5000:]}")
    failed = [line.split()[1] for line in ran.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return failed[0] if failed else None


def best_level(folder: Path) -> str:
    ask = "from fastlayers._core import backend; print(backend.MODULES[backend.supported_levels()[-1]])"
    return subprocess.check_output([sys.executable, "-c", ask], cwd=folder, text=True).strip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="bugs whose file or description has this text")
    options = parser.parse_args()
    chosen = [m for m in MUTATIONS if options.only in m.file or options.only in m.breaks]
    missed: list[Mutation] = []
    survived: list[Mutation] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "checkout")
        shutil.copytree(ROOT, folder, ignore=NOT_COPIED)
        for mutation in chosen:
            text_of(folder, mutation)  # before anything is built: a text that is gone is told at once
        build(folder, "all")
        level = best_level(folder)
        for number, mutation in enumerate(chosen, start=1):
            with planted(folder, mutation, level):
                caught, how = noticed(folder, mutation.tests), "sample"
                if caught is None:
                    missed.append(mutation)
                    caught, how = noticed(folder, mutation.tests, "--all"), "--all"
            if caught is None:
                survived.append(mutation)
                how = "NOT CAUGHT"
            print(f"{number:3} {mutation.file:30} {mutation.breaks:76} {how:10} {caught or ''}", flush=True)
    count = len(chosen)
    print(f"of {count} bugs the short run caught {count - len(missed)}, all of the tests {count - len(survived)}")
    return 1 if survived or len(missed) > MOST_MISSED else 0


if __name__ == "__main__":
    sys.exit(main())
