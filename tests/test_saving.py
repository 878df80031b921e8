"""A save that dies midway, wherever that is, leaves the old file whole; nor do several at once mix."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from model_files import network, same, tiny

import fastlayers as fl

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files, limits and signals")
OLD, NEW = tiny(seed=1), tiny(seed=2)


@pytest.fixture(params=[True, False], ids=["over a file", "the first"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Where a save fails: what was there is there still, and nothing else."""
    path = tmp_path / "m.npz"
    if request.param:
        OLD.save(path)
    yield path
    assert list(tmp_path.iterdir()) == [path] * request.param
    assert not request.param or same(fl.Sequential.load(path), OLD)


# A disk that is full, and other failures of the system


@contextmanager
def file_size_limit(most: int) -> Iterator[None]:
    """EFBIG for what is written beyond so many bytes; Python ignores the signal."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@POSIX
@pytest.mark.thread_unsafe(reason="the limit is the process's")
def test_a_disk_that_is_full_at_any_byte(target: Path, tmp_path: Path) -> None:
    NEW.save(tmp_path / "other")
    size = (tmp_path / "other").stat().st_size
    (tmp_path / "other").unlink()
    for most in (0, 1, *range(50, size, 50), size - 1):
        with file_size_limit(most), pytest.raises(OSError) as caught:  # noqa: PT011  # the errno is looked at
            NEW.save(target)
        assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(target))


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_each_step_may_fail(target: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="No space left") as caught:
        NEW.save(target)
    assert caught.value.filename == str(target)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_exception_in_between(target: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]) -> None:
    def interrupt(descriptor: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(error):
        NEW.save(target)


# A process that is killed


KILLED = """
import os, resource, signal, sys
from model_files import tiny

path, size = sys.argv[1], int(sys.argv[2])

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

def at_byte(n):
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # which kills
    resource.setrlimit(resource.RLIMIT_FSIZE, (n, resource.RLIM_INFINITY))

points = [lambda n=n: at_byte(n) for n in (0, 1, *range(50, size, 100), size - 1)]
points += [lambda step=step: setattr(os, step, die) for step in ("fsync", "chmod", "replace")]
for point in points:
    child = os.fork()
    if child == 0:
        point()
        tiny(seed=2).save(path)
        os._exit(0)
    print(-os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def program(text: str, *args: object) -> list[str]:
    """A Python process that can import what this test imports."""
    places = [str(Path(fl.__file__).parents[1]), str(Path(__file__).parent)]
    return [sys.executable, "-c", f"import sys; sys.path[:0] = {places}\n{text}", *map(str, args)]


@POSIX
def test_a_process_that_is_killed_at_any_byte(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    OLD.save(path)
    command = program(KILLED, path, path.stat().st_size)
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}, check=True
    )
    signals = done.stdout.split()
    assert signals.count(str(signal.SIGXFSZ.value)) > 15
    assert signals[-3:] == [str(signal.SIGKILL.value)] * 3
    assert same(fl.Sequential.load(path), OLD)
    left = [other for other in tmp_path.iterdir() if other != path]
    assert len(left) == len(signals)  # nobody lived to delete them
    assert all(other.match(".fastlayers-*.tmp") for other in left)


ENDLESS = """
from model_files import network

networks = [network((300, 300, 3), seed=seed) for seed in (1, 2)]
while True:
    for each in networks:
        each.save(sys.argv[1])
        print(flush=True)
"""


@POSIX
@pytest.mark.parametrize("saves", [1, 2, 7])
def test_a_process_that_is_killed_at_any_time(tmp_path: Path, saves: int) -> None:
    path = tmp_path / "m.npz"
    with subprocess.Popen(program(ENDLESS, path), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(saves):
            process.stdout.readline()
        process.kill()
    assert any(same(fl.Sequential.load(path), network((300, 300, 3), seed=seed)) for seed in (1, 2))


# Several at once


def test_saves_at_once(tmp_path: Path) -> None:
    """Whoever reads meanwhile gets one of the networks whole, and the last save stays."""
    path, networks = tmp_path / "m.npz", [tiny(seed=seed) for seed in range(4)]
    networks[0].save(path)
    wrong: list[object] = []

    def write(each: fl.Sequential) -> None:
        for _ in range(20):
            each.save(path)

    def read() -> None:
        for _ in range(50):
            try:
                loaded = fl.Sequential.load(path)
            except Exception as error:  # the thread's, for the test to look at
                wrong.append(error)
            else:
                wrong.extend([] if any(same(loaded, each) for each in networks) else [loaded.params])

    threads = [threading.Thread(target=write, args=(each,)) for each in networks]
    threads += [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert any(same(fl.Sequential.load(path), each) for each in networks)
    assert list(tmp_path.iterdir()) == [path]
