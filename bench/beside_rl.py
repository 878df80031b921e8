#!/usr/bin/env python
"""The examples' programs of reinforcement learning from end to end, with our learner and with PyTorch's.

    python bench/beside_rl.py [ppo dqn td3] [--steps N] [--seed N]

Both learners begin with the same weights and go through the example's own ``train``, with the same seed, the same noise
and the same hyperparameters: what differs is who acts and who learns. Seconds are those of updates, of decisions, of
the environments, and in all; what is left is the example's own NumPy. stable-baselines3's program of the same name and
the same hyperparameters, where it has them, is beside them for scale. One thread and one core.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator
from time import perf_counter
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import peers
import reinforcement
from goals import OURS

PARTS = ("learner", "acting", "environment")
LAST = 20  # episodes, whose mean return is told


class Program(NamedTuple):
    """An example, and how its learner, and stable-baselines3's, are made."""

    example: str
    make: Callable[[ModuleType, int, Any], Any]  # of the module, how many steps, and random numbers
    in_pytorch: Callable[[Any], Any]
    in_baselines: Callable[[ModuleType, int, int], Any]
    steps: int


class Run(NamedTuple):
    """Seconds of each part of a program and in all, and what it came to."""

    seconds: dict[str, float]
    total: float
    reached: float


class Timed:
    """An object whose methods of some names add their seconds to a part."""

    def __init__(self, of: Any, seconds: dict[str, float], parts: dict[str, str]) -> None:
        self._of = of
        for name, part in parts.items():
            if hasattr(of, name):
                setattr(self, name, timed(getattr(of, name), seconds, part))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of, name)


def timed(function: Callable[..., Any], seconds: dict[str, float], part: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        start = perf_counter()
        result = function(*args, **kwargs)
        seconds[part] += perf_counter() - start
        return result

    return call


def run(module: ModuleType, learner: Any, seed: int, steps: int) -> Run:
    """The example's training, with its environments timed."""
    seconds: dict[str, float] = defaultdict(float)
    methods = dict.fromkeys(("act", "values", "probabilities"), "acting") | {"update": "learner"}

    def make(*args: Any, **kwargs: Any) -> Timed:
        return Timed(gymnasium.make(*args, **kwargs), seconds, dict.fromkeys(("step", "reset"), "environment"))

    gymnasium, module.gymnasium = module.gymnasium, SimpleNamespace(make=make)  # type: ignore[attr-defined]
    try:
        start = perf_counter()
        _, returns = module.train(Timed(learner, seconds, methods), seed, steps)
        total = perf_counter() - start
    finally:
        module.gymnasium = gymnasium  # type: ignore[attr-defined]
    return Run(seconds, total, float(np.mean(returns[-LAST:])))


def baselines(program: Program, module: ModuleType, seed: int, steps: int) -> Run:
    model = program.in_baselines(module, seed, steps)
    start = perf_counter()
    model.learn(steps)
    total = perf_counter() - start
    return Run({}, total, float(np.mean([episode["r"] for episode in model.ep_info_buffer][-LAST:])))


def ppo_of_baselines(module: ModuleType, seed: int, steps: int) -> Any:
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env

    ours = module.PPO(4, 2, module.updates(steps), np.random.default_rng(seed))
    environments = make_vec_env(module.ENVIRONMENT, n_envs=module.ENVIRONMENTS, seed=seed)
    return PPO(
        "MlpPolicy",
        environments,
        learning_rate=lambda remaining: ours.optimizer.lr(0) * remaining,
        n_steps=module.ROLLOUT,
        batch_size=module.BATCH,
        n_epochs=module.EPOCHS,
        gamma=module.GAMMA,
        gae_lambda=module.LAMBDA,
        clip_range=ours.clip,
        ent_coef=ours.entropy,
        max_grad_norm=ours.optimizer.clip_norm,
        seed=seed,
        device="cpu",
    )


PROGRAMS = {
    "ppo": Program(
        "plot_ppo",
        lambda module, steps, rng: module.PPO(4, 2, module.updates(steps), rng),
        reinforcement.PPO,
        ppo_of_baselines,
        50_000,
    ),
}


def runs(program: Program, seed: int, steps: int) -> Iterator[tuple[str, Run]]:
    module = reinforcement.example(program.example)
    yield OURS, run(module, program.make(module, steps, np.random.default_rng(seed)), seed, steps)
    if peers.available("torch"):
        same = program.in_pytorch(program.make(module, steps, np.random.default_rng(seed)))
        yield "PyTorch", run(module, same, seed, steps)
    if peers.available("stable_baselines3"):
        yield "stable-baselines3", baselines(program, module, seed, steps)


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def line(name: str, steps: int, who: str, found: Run, ours: Run) -> str:
    """A part's ratio to ours stands behind its seconds."""
    rest = {"the rest": found.total - sum(found.seconds.values())} if found.seconds else {}
    parts = {**found.seconds, **rest}
    cells = [f"{parts[part]:.2f}" if part in parts else "" for part in (*PARTS, "the rest")]
    ratios = [
        f" ({parts[part] / ours.seconds[part]:.1f})" if who != OURS and part in parts and part in PARTS else ""
        for part in (*PARTS, "the rest")
    ]
    share = f"{found.seconds['environment'] / found.total:.0%}" if found.seconds else ""
    total = f"{found.total:.2f}" + ("" if who == OURS else f" ({found.total / ours.total:.1f})")
    told = (cell + ratio for cell, ratio in zip(cells, ratios, strict=True))
    return row(f"{name}, {steps:,} steps", who, *told, total, share, f"{found.reached:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("programs", nargs="*", choices=[*PROGRAMS, []], help="all by default")
    parser.add_argument("--steps", type=int, metavar="N", help="of the environments; by default as many as tell enough")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="0 by default")
    given = parser.parse_args()
    print(row("program", "learner", *PARTS, "the rest", "in all", "environment's share", "return"))
    print(row(*["---"] * 2, *["---:"] * 7))
    for name in given.programs or PROGRAMS:
        program = PROGRAMS[name]
        steps = given.steps or program.steps
        ours = None
        for who, found in runs(program, given.seed, steps):
            ours = ours or found
            print(line(name, steps, who, found, ours), flush=True)


if __name__ == "__main__":
    main()
