"""The examples' programs of reinforcement learning run with either learner, and what they took is told."""

import beside_rl
import pytest
import reinforcement


@pytest.mark.usefixtures("compiled")
@pytest.mark.skipif(not reinforcement.runs(), reason="what the examples import is not installed")
@pytest.mark.parametrize(("name", "steps"), [("ppo", 512), ("dqn", 1010), ("td3", 1004)])
def test_both_learners_run_the_same_program(name: str, steps: int) -> None:
    program = beside_rl.PROGRAMS[name]._replace(in_baselines=None)
    found = dict(beside_rl.runs(program, 0, steps))
    ours = found[beside_rl.OURS]
    for who, one in found.items():
        assert set(one.seconds) == set(beside_rl.PARTS)
        assert min(one.seconds.values()) > 0
        assert sum(one.seconds.values()) < one.total
        cells = beside_rl.line(name, steps, who, one, ours).split(" | ")
        assert len(cells) == len(beside_rl.HEADS)
        assert ("(" in cells[2]) == (who != beside_rl.OURS)
