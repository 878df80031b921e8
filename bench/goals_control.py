"""The goals of reinforcement learning: updates and decisions of the examples' learners, beside the same in PyTorch."""

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import limits
import numpy as np
import peers
import reinforcement
from goals import OURS, Bound, Calls, Race, Source

import fastlayers
from fastlayers.command import cases

RATE, TAU = 1e-3, 0.005
TOLERANCE = 1e-5  # of float32 sums in an order of their own
BLOCK = 512  # decisions that noise is drawn for at once, as in the example
Made = tuple[Any, tuple[Any, ...]]  # a learner, and the arguments of its update


def updates(ours: Callable[[float], Made], theirs: Callable[[Made], Made], number: int = 1) -> Calls:
    """Each learner's update, or so many, after as many were seen to do the same as on the reference.

    Those that are timed have a learning rate of 0: the same batch again and again would drive them to where gradients
    vanish.
    """
    if not reinforcement.runs():
        return {}
    with fastlayers.use_backend("reference"):
        expected = learned(ours(RATE), number)
    makers: dict[str, Callable[[float], Made]] = {OURS: ours}
    if peers.available("torch"):
        makers["PyTorch"] = lambda rate: theirs(ours(rate))
    calls: Calls = {}
    for name, make in makers.items():
        learner, batch = make(0.0)
        calls[name] = Source("\n".join(["f(*batch)"] * number), {"f": learner.update, "batch": batch})
        for one, want in zip(learned(make(RATE), number), expected, strict=True):
            np.testing.assert_allclose(one, want, 0, TOLERANCE * np.abs(want).max(), err_msg=name)
    return calls


def learned(made: Made, number: int) -> list[Any]:
    learner, batch = made
    for _ in range(number):
        learner.update(*batch)
    return reinforcement.learned(learner)


def ppo_in_pytorch(made: Made) -> Made:
    learner, (states, actions, before, *rest) = made
    return reinforcement.PPO(reinforcement.example("plot_ppo"), learner), (states, actions, np.log(before), *rest)


def dqn_in_pytorch(made: Made) -> Made:
    learner, batch = made
    return reinforcement.DQN(reinforcement.example("plot_dqn"), learner), batch


def td3_in_pytorch(made: Made) -> Made:
    learner, batch = made
    return reinforcement.TD3(reinforcement.example("plot_td3"), learner), batch


def target_network(is_new: bool) -> Calls:
    """One that follows, or a copy."""
    parameters, *_ = Q.data("float32")
    net = fastlayers.Sequential([fastlayers.Affine(W, b) for W, b in parameters])
    target = net.copy()
    for param in target.params:
        param += 1
    calls: Calls = {OURS: cases.Call(net.copy, (), {}) if is_new else cases.Call(target.blend, (net, TAU), {})}
    if peers.available("torch"):
        module, kept = map(reinforcement.module_of, (net, target))
        theirs = cases.Call(copy.deepcopy, (module,), {}), cases.Call(reinforcement.blend, (kept, module, TAU), {})
        if not is_new:
            reinforcement.blend(kept, module, TAU)
            target.blend(net, TAU)
            for param, same in zip(target.params, kept.parameters(), strict=True):
                np.testing.assert_allclose(param, same.detach().numpy().T, 1e-6, 1e-6)
        calls["PyTorch"] = theirs[not is_new]
    return calls


def drawn(actions: int) -> Iterator[Any]:
    """Noise for each decision."""
    rng = np.random.default_rng(0)
    while True:
        yield from rng.gumbel(size=(BLOCK, 1, actions)).astype(np.float32)


def decisions(is_drawn: bool) -> Calls:
    """Of one state, as a Python int, after all states of a batch were seen to lead to the same."""
    if not reinforcement.runs():
        return {}
    learner, (states, *_) = reinforcement.ppo(RATE)
    noise = np.random.default_rng(0).gumbel(size=(len(states), 2)).astype(np.float32)
    names = {"f": learner.act, "x": states[:1], "noise": drawn(2)}
    calls: Calls = {OURS: Source("int(f(x, next(noise))[0])" if is_drawn else "int(f(x)[0])", names)}
    if peers.available("torch"):
        theirs = reinforcement.PPO(reinforcement.example("plot_ppo"), learner)
        np.testing.assert_array_equal(theirs.act(states, noise), learner.act(states, noise))
        np.testing.assert_array_equal(theirs.act(states), learner.act(states))
        names = {"f": theirs.sample if is_drawn else theirs.act, "x": states[:1]}
        calls["PyTorch"] = Source("int(f(x)[0])", names)
    return calls


def summed(*works: limits.Work) -> limits.Work:
    return limits.Work(sum(work.flops for work in works), sum(work.nbytes for work in works))


Q = cases.Network((4, 120, 84, 2), 128)
POLICY, VALUE = (cases.Network((4, 64, 64, outputs), 128) for outputs in (2, 1))

CONTROL = (
    Race(
        18,
        "PPO, an update of 4-64-64-2 and 4-64-64-1 @128",
        partial(updates, reinforcement.ppo, ppo_in_pytorch),
        (Bound("PyTorch", least=14),),
        work={OURS: summed(limits.training(POLICY), limits.training(VALUE))},
    ),
    Race(18, "PPO, an action that is drawn", partial(decisions, True), (Bound("PyTorch", least=45),)),
    Race(
        18,
        "DQN, an update of 4-120-84-2 @128",
        partial(updates, reinforcement.dqn, dqn_in_pytorch),
        (Bound("PyTorch", least=5),),
        work={OURS: summed(limits.training(Q), limits.predicting(Q))},
    ),
    Race(
        18,
        "TD3, two updates of the critics and one of the actor",
        partial(updates, reinforcement.td3, td3_in_pytorch, 2),
        (Bound("PyTorch"),),
    ),
    Race(18, "4-120-84-2, a target network that follows", partial(target_network, False), (Bound("PyTorch"),)),
    Race(18, "4-120-84-2, a copy", partial(target_network, True), (Bound("PyTorch"),)),
    Race(18, "PPO, the likeliest action", partial(decisions, False), (Bound("PyTorch"),)),
)
