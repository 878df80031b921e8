"""The hook that ends a job: after the one that was there, where there are other ranks, and for errors alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from fastlayers.mpi import RankError, job

Fail = Callable[..., list[Any]]


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Fail]:
    """What happens, in order, when an exception is caught by nothing."""

    def fail(error: BaseException, *, size: int = 2, finalized: bool = False) -> list[Any]:
        events: list[Any] = []
        world = SimpleNamespace(size=size, Abort=lambda status: events.append(("aborted", status)))
        mpi = SimpleNamespace(COMM_WORLD=world, Is_finalized=lambda: finalized)
        monkeypatch.setitem(sys.modules, "mpi4py.MPI", mpi)
        monkeypatch.setattr(sys, "excepthook", lambda kind, error, traceback: events.append(f"told {error}"))
        monkeypatch.setattr(job.time, "sleep", lambda seconds: events.append(f"waited {seconds} s"))
        job.abort_on_uncaught()
        job.abort_on_uncaught()
        sys.excepthook(type(error), error, None)
        return events

    job.abort_on_uncaught.cache_clear()
    yield fail
    job.abort_on_uncaught.cache_clear()


@pytest.mark.parametrize("error", [ValueError("wrong"), KeyboardInterrupt("wrong")], ids=repr)
def test_an_exception_is_told_and_ends_the_job_once(fail: Fail, error: BaseException) -> None:
    assert fail(error) == ["told wrong", "waited 0.2 s", ("aborted", 1)]


def test_what_another_rank_has_failed_with_is_left_to_that_rank(fail: Fail) -> None:
    assert fail(RankError("of rank 1")) == ["waited 2.0 s", "told of rank 1", "waited 0.2 s", ("aborted", 1)]


def test_one_rank_alone_ends_as_it_does_without(fail: Fail) -> None:
    assert fail(ValueError("wrong"), size=1) == ["told wrong"]


def test_after_the_job(fail: Fail) -> None:
    assert fail(ValueError("wrong"), finalized=True) == ["told wrong"]


@pytest.mark.parametrize("interactive", ["ps1", "-i"])
def test_an_interactive_interpreter_goes_on(fail: Fail, monkeypatch: pytest.MonkeyPatch, interactive: str) -> None:
    if interactive == "ps1":
        monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    else:
        monkeypatch.setattr(sys, "flags", SimpleNamespace(inspect=1))
    assert fail(ValueError("wrong")) == ["told wrong"]
