"""Build an sdist, and from it a wheel and the pure wheel; repair and check them: ``python .ci/wheel.py FOLDER``.

From the project's root, with what the build requires and the dependency group "wheel"; all are left in FOLDER, and
nothing beside the sources. On Linux the wheel names the oldest C library that has all which its modules ask for.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# In bytes: what compilers differ by is left, and neither more kernels nor what a debugger reads.
LARGEST = 1_370_000
NEWEST_C_LIBRARY = (2, 28)  # of Debian 10, RHEL 8 and all later ones


def run(*command: str | Path, **env: str) -> None:
    subprocess.run([*map(str, command)], env={**os.environ, **env}, check=True)


def repaired(wheel: Path, folder: Path) -> Path:
    """The wheel for every Linux that it runs on; elsewhere as it is."""
    if sys.platform == "linux":
        run("auditwheel", "repair", "--zip-compression-level", "9", "--wheel-dir", folder, wheel)
        (wheel,) = folder.glob("*linux*.whl")
        needs = min((int(a), int(b)) for a, b in re.findall(r"manylinux_(\d+)_(\d+)_", wheel.name))
        assert needs <= NEWEST_C_LIBRARY, f"{wheel.name} needs a C library newer than {NEWEST_C_LIBRARY}"
        return wheel
    return shutil.move(wheel, folder / wheel.name)


def pure_wheel(sdist: Path, folder: Path) -> Path:
    """The wheel of the reference alone, for any platform."""
    build = ["wheel", "--quiet", "--no-build-isolation", "--no-deps", "--wheel-dir", folder, sdist]
    run(sys.executable, "-m", "pip", *build, FASTLAYERS_PURE="1", FASTLAYERS_REQUIRE_KERNELS="0")
    (wheel,) = folder.glob("*-py3-none-any.whl")
    return wheel


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("*.tar.gz"), *folder.glob("*.whl")):
        old.unlink()
    with tempfile.TemporaryDirectory() as built:
        run(sys.executable, "-m", "build", "--quiet", "--no-isolation", "--outdir", built, ".")
        (sdist,), (wheel,) = Path(built).glob("*.tar.gz"), Path(built).glob("*.whl")
        wheel = repaired(wheel, folder)
        sdist = shutil.move(sdist, folder / sdist.name)
    pure = pure_wheel(sdist, folder)
    run("check-wheel-contents", wheel, pure)
    run("twine", "check", "--strict", sdist, wheel, pure)
    size = wheel.stat().st_size
    print(f"{wheel.name}: {size:,} bytes")
    assert size < LARGEST, f"{wheel.name} is larger than {LARGEST:,} bytes"


main(Path(sys.argv[1]).resolve())
