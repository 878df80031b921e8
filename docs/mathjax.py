"""MathJax from its npm package, so that the pages show their formulas without the internet."""

import shutil
import subprocess
import tarfile
from pathlib import Path

PACKAGE = "mathjax@3.2.2"  # the last whose one file needs no other
MEMBER = "package/es5/tex-svg.js"
FILE = "mathjax/tex-svg.js"
FOLDER = Path(__file__).resolve().parent / "_build" / "npm"


def folder() -> Path:
    """The folder with `FILE` in it, fetched when it is not there yet."""
    if not (FOLDER / FILE).is_file():
        npm = shutil.which("npm")
        if npm is None:
            raise SystemExit(f"the documentation takes {PACKAGE} from npm, but npm is not on the PATH; install Node.js")
        FOLDER.mkdir(parents=True, exist_ok=True)
        packed = subprocess.run(
            [npm, "pack", "--silent", PACKAGE], cwd=FOLDER, check=True, capture_output=True, text=True
        )
        with tarfile.open(FOLDER / packed.stdout.split()[-1]) as archive:
            member = archive.extractfile(MEMBER)
            assert member is not None, f"{PACKAGE} has no {MEMBER}"
            (FOLDER / FILE).parent.mkdir(exist_ok=True)
            (FOLDER / FILE).write_bytes(member.read())
    return FOLDER
