"""A policy in a loop is timed tick by tick, with what the garbage collector did; its table and picture come out."""

import gc
from pathlib import Path

import latency
import pytest


@pytest.mark.usefixtures("compiled")
def test_latencies_are_those_of_each_decision(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(latency, "WARM_UP", 1)
    threshold = gc.get_threshold()
    gc.set_threshold(100, 1000, 1000)
    try:
        found = {
            (latency.OURS, program): latency.measured(latency.OURS, program, 300)
            for program in (latency.ON_END, latency.KEPT, latency.FROZEN, latency.DISABLED)
        }
    finally:
        gc.set_threshold(*threshold)
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    for one in found.values():
        assert len(one.latencies) == 300
        assert one.latencies.min() > 0
    turns = {program: len(one.collections) for (_, program), one in found.items()}
    assert turns[latency.KEPT] >= 2 <= turns[latency.FROZEN]
    assert turns[latency.DISABLED] == 0
    head, _, *lines = latency.table(found)
    assert [line.split(" | ")[1] for line in lines] == [latency.OURS] * len(found)
    assert all(line.count("|") == head.count("|") for line in lines)
    pytest.importorskip("matplotlib")
    latency.draw(found, tmp_path / "latency.png")
    assert (tmp_path / "latency.png").stat().st_size > 1000
