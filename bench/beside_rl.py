#!/usr/bin/env python
"""The examples' programs of reinforcement learning from end to end, with our learner and with PyTorch's.

    python bench/beside_rl.py [ppo dqn td3] [--steps N] [--seed N]

Both learners begin with the same weights and go through the example's own ``train``, with the same seed, the same noise
and the same hyperparameters: what differs is who acts and who learns. Seconds are those of updates, of decisions, of
the environments, and in all; what is left is the example's own NumPy; the ratio to ours stands in brackets.
stable-baselines3's PPO and DQN, with the same hyperparameters where it has them, are there for scale, if it is
installed. ``OPENBLAS_NUM_THREADS=1 FASTLAYERS_NUM_THREADS=1`` before it keeps all to one thread. It needs
``pip install '.[bench,rl]'``.
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
HEADS = ("program", "by", *PARTS, "the rest", "in all", "environment's share", "return")
LAST = 20  # episodes, whose mean return is told


class Program(NamedTuple):
    """An example, and how its learner, and stable-baselines3's, are made."""

    example: str
    make: Callable[[ModuleType, int, Any], Any]  # of the module, how many steps, and random numbers
    in_pytorch: Callable[[ModuleType, Any], Any]
    in_baselines: Callable[[ModuleType, int, int], Any] | None
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


def baselines(make: Callable[[ModuleType, int, int], Any], module: ModuleType, seed: int, steps: int) -> Run:
    model = make(module, seed, steps)
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


def dqn_of_baselines(module: ModuleType, seed: int, steps: int) -> Any:
    from stable_baselines3 import DQN

    ours = module.DQN(4, 2, module.updates(steps), np.random.default_rng(seed))
    return DQN(
        "MlpPolicy",
        module.ENVIRONMENT,
        learning_rate=lambda remaining: ours.optimizer.lr(0) * remaining,
        buffer_size=module.MEMORY,
        learning_starts=module.FIRST,
        batch_size=module.BATCH,
        tau=ours.tau,
        gamma=module.GAMMA,
        train_freq=module.EVERY,
        target_update_interval=ours.every * module.EVERY,
        exploration_fraction=module.UNTIL,
        exploration_final_eps=module.RANDOM,
        policy_kwargs={"net_arch": [120, 84]},
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
    "dqn": Program(
        "plot_dqn",
        lambda module, steps, rng: module.DQN(4, 2, module.updates(steps), rng),
        reinforcement.DQN,
        dqn_of_baselines,
        50_000,
    ),
    "td3": Program("plot_td3", lambda module, steps, rng: module.TD3(3, 1, rng), reinforcement.TD3, None, 10_000),
}


def runs(program: Program, seed: int, steps: int) -> Iterator[tuple[str, Run]]:
    module = reinforcement.example(program.example)
    yield OURS, run(module, program.make(module, steps, np.random.default_rng(seed)), seed, steps)
    if peers.available("torch"):
        same = program.in_pytorch(module, program.make(module, steps, np.random.default_rng(seed)))
        yield "PyTorch", run(module, same, seed, steps)
    if program.in_baselines and peers.available("stable_baselines3"):
        yield "stable-baselines3", baselines(program.in_baselines, module, seed, steps)


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def line(name: str, steps: int, who: str, found: Run, ours: Run) -> str:
    """A part's ratio to ours stands behind its seconds."""

    def told(seconds: float, least: float) -> str:
        return f"{seconds:.2f}" if who == OURS else f"{seconds:.2f} ({seconds / least:.1f})"

    parts = [""] * (len(PARTS) + 1)
    if found.seconds:
        parts = [told(found.seconds[part], ours.seconds[part]) for part in PARTS]
        parts.append(f"{found.total - sum(found.seconds.values()):.2f}")
    share = f"{found.seconds['environment'] / found.total:.0%}" if found.seconds else ""
    total = told(found.total, ours.total)
    return row(f"{name}, {steps:,} steps", who, *parts, total, share, f"{found.reached:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("programs", nargs="*", choices=[*PROGRAMS, []], help="all by default")
    parser.add_argument("--steps", type=int, metavar="N", help="of the environments; by default as many as tell enough")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="0 by default")
    given = parser.parse_args()
    print(row(*HEADS))
    print(row(*["---"] * 2, *["---:"] * (len(HEADS) - 2)))
    for name in given.programs or PROGRAMS:
        program = PROGRAMS[name]
        steps = given.steps or program.steps
        ours = None
        for who, found in runs(program, given.seed, steps):
            ours = ours or found
            print(line(name, steps, who, found, ours), flush=True)


if __name__ == "__main__":
    main()
