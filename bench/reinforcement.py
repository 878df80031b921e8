"""The learners of the examples' reinforcement learning as they are written in PyTorch, from the weights of ours.

Each has the methods of the example's own class, so that the example's ``train`` takes either.
"""

import copy
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import peers

import fastlayers

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
UPDATES = 10**9  # of a learner that is timed: its learning rate goes down to 0 by then
MODULES = ("gymnasium", "matplotlib", "tqdm")  # what the examples import


def runs() -> bool:
    """Whether the examples can be imported here."""
    return all(map(peers.available, MODULES))


def example(name: str) -> ModuleType:
    if str(EXAMPLES) not in sys.path:
        sys.path.append(str(EXAMPLES))
    return importlib.import_module(name)


def module_of(layer: Any) -> Any:
    """The same layer of PyTorch's, or layers, with the same weights."""
    torch = peers.import_torch()
    if isinstance(layer, fastlayers.Sequential):
        return torch.nn.Sequential(*map(module_of, layer.layers))
    if not isinstance(layer, fastlayers.Affine):
        return {fastlayers.Tanh: torch.nn.Tanh, fastlayers.Relu: torch.nn.ReLU}[type(layer)]()
    linear = torch.nn.Linear(*layer.W.shape)
    for param, array in ((linear.weight, layer.W.T), (linear.bias, layer.b)):
        param.data.copy_(torch.from_numpy(array))
    return linear


class Learner:
    """What learners in PyTorch share."""

    def __init__(self) -> None:
        self.torch = peers.import_torch()  # once: it sets the threads, which takes a while
        self.adam = self.torch.optim.Adam
        self.updates = 0

    def predicted(self, net: Any, states: Any) -> Any:
        with self.torch.inference_mode():
            return net(self.torch.from_numpy(states))


class PPO(Learner):
    """Of ``plot_ppo.py``; what it takes as `before` is the logarithm."""

    def __init__(self, module: ModuleType, ours: Any) -> None:
        super().__init__()
        self.policy, self.value = module_of(ours.policy), module_of(ours.value)
        self.parameters = [*self.policy.parameters(), *self.value.parameters()]
        self.optimizer, self.rate = self.adam(self.parameters, eps=ours.optimizer.eps), ours.optimizer.lr
        self.clip, self.entropy, self.max_norm = ours.clip, ours.entropy, ours.optimizer.clip_norm

    def act(self, states: Any, noise: Any = 0.0) -> Any:
        return (self.predicted(self.policy, states) + self.torch.as_tensor(noise)).argmax(dim=1).numpy()

    def sample(self, states: Any) -> Any:
        """Actions that are drawn as most programs in PyTorch draw them."""
        return self.torch.distributions.Categorical(logits=self.predicted(self.policy, states)).sample().numpy()

    def values(self, states: Any) -> Any:
        return self.predicted(self.value, states)[:, 0].numpy()

    def probabilities(self, states: Any, actions: Any) -> Any:
        """Their logarithms."""
        drawn = self.torch.distributions.Categorical(logits=self.predicted(self.policy, states))
        return drawn.log_prob(self.torch.from_numpy(actions)).numpy()

    def update(self, *batch: Any) -> None:
        states, actions, before, advantages, returns = map(self.torch.from_numpy, batch)
        drawn = self.torch.distributions.Categorical(logits=self.policy(states))
        ratio = (drawn.log_prob(actions) - before).exp()
        clipped = ratio.clamp(1 - self.clip, 1 + self.clip)
        loss = -self.torch.min(advantages * ratio, advantages * clipped).mean()
        loss = loss - self.entropy * drawn.entropy().mean()
        loss = loss + 0.5 * (self.value(states)[:, 0] - returns).square().mean()
        self.optimizer.param_groups[0]["lr"] = self.rate(self.updates)
        self.optimizer.zero_grad()
        loss.backward()
        self.torch.nn.utils.clip_grad_norm_(self.parameters, self.max_norm)
        self.optimizer.step()
        self.updates += 1


class DQN(Learner):
    """Of ``plot_dqn.py``."""

    def __init__(self, module: ModuleType, ours: Any) -> None:
        super().__init__()
        self.q, self.target = module_of(ours.q), module_of(ours.target)
        self.optimizer, self.rate = self.adam(self.q.parameters()), ours.optimizer.lr
        self.gamma, self.delta, self.tau, self.every = module.GAMMA, ours.delta, ours.tau, ours.every

    def act(self, state: Any) -> Any:
        return self.predicted(self.q, state).argmax().numpy()

    def update(self, *batch: Any) -> None:
        states, actions, rewards, next_states, ends = map(self.torch.from_numpy, batch)
        with self.torch.no_grad():
            expected = rewards + self.gamma * (1 - ends) * self.target(next_states).max(dim=1).values
        q = self.q(states).gather(1, actions[:, None])[:, 0]
        loss = self.torch.nn.functional.huber_loss(q, expected, delta=self.delta)
        self.optimizer.param_groups[0]["lr"] = self.rate(self.updates)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.updates += 1
        if self.updates % self.every == 0:
            blend(self.target, self.q, self.tau)


class TD3(Learner):
    """Of ``plot_td3.py``."""

    def __init__(self, module: ModuleType, ours: Any) -> None:
        super().__init__()
        self.actor = module_of(ours.actor)
        self.critics = self.torch.nn.ModuleList(map(module_of, ours.critics.layers[0].layers))
        self.target_actor, self.target_critics = copy.deepcopy((self.actor, self.critics))
        self.of_actor = self.adam(self.actor.parameters(), lr=ours.of_actor.lr)
        self.of_critics = self.adam(self.critics.parameters(), lr=ours.of_critics.lr)
        self.gamma, self.tau, self.noise, self.clip, self.rng = module.GAMMA, ours.tau, ours.noise, ours.clip, ours.rng

    def act(self, state: Any) -> Any:
        return self.predicted(self.actor, state).numpy()

    def update(self, *batch: Any) -> None:
        torch = self.torch
        states, actions, rewards, next_states, ends = map(torch.from_numpy, batch)
        noise = torch.from_numpy(self.noise * self.rng.standard_normal(tuple(actions.shape), np.float32))
        with torch.no_grad():
            next_actions = self.target_actor(next_states) + noise.clamp(-self.clip, self.clip)
            after = torch.cat((next_states, next_actions.clamp(-1, 1)), dim=1)
            least = torch.min(*(critic(after) for critic in self.target_critics))[:, 0]
            expected = rewards + self.gamma * (1 - ends) * least
        given = torch.cat((states, actions), dim=1)
        loss = sum((critic(given)[:, 0] - expected).square().mean() for critic in self.critics) / 2
        self.of_critics.zero_grad()
        loss.backward()
        self.of_critics.step()
        self.updates += 1
        if self.updates % 2 == 0:
            loss = -self.critics[0](torch.cat((states, self.actor(states)), dim=1)).mean()
            self.of_actor.zero_grad()
            loss.backward()
            self.of_actor.step()
            blend(self.target_actor, self.actor, self.tau)
            blend(self.target_critics, self.critics, self.tau)


def blend(target: Any, net: Any, tau: float) -> None:
    """As most programs in PyTorch have it."""
    for kept, param in zip(target.parameters(), net.parameters(), strict=True):
        kept.data.copy_(tau * param.data + (1 - tau) * kept.data)


def learned(learner: Any) -> list[Any]:
    """What updates have made, of ours or PyTorch's: the optimizers' means of the gradients, and all parameters."""
    theirs = isinstance(learner, Learner)
    found = []
    for name, part in vars(learner).items():
        if theirs and isinstance(part, peers.import_torch().optim.Adam):
            found += [state["exp_avg"].numpy().T for state in part.state.values()]
        elif theirs and isinstance(part, peers.import_torch().nn.Module):
            found += [param.detach().numpy().T for param in part.parameters()]
        elif isinstance(part, fastlayers.Adam):
            found += part.m.values()
        elif isinstance(part, fastlayers.Sequential) and name != "critic":  # which is one of the critics
            found += part.params
    return found


def ppo(lr: float) -> tuple[Any, tuple[Any, ...]]:
    """The example's learner, always the same, and a batch whose ratios are clipped in part."""
    rng, module = np.random.default_rng(0), example("plot_ppo")
    learner, n = module.PPO(4, 2, UPDATES, rng, lr=lr), module.BATCH
    states, actions = rng.standard_normal((n, 4), np.float32), rng.integers(0, 2, n)
    before = learner.probabilities(states, actions) * np.exp(0.2 * rng.standard_normal(n, np.float32))
    return learner, (states, actions, before, rng.standard_normal(n, np.float32), rng.standard_normal(n, np.float32))


def dqn(lr: float) -> tuple[Any, tuple[Any, ...]]:
    """The example's learner, always the same, and a batch of transitions."""
    rng, module = np.random.default_rng(0), example("plot_dqn")
    learner, n = module.DQN(4, 2, UPDATES, rng, lr=lr, every=UPDATES), module.BATCH
    states, after = rng.standard_normal((2, n, 4), np.float32)
    ends = (rng.random(n) < 0.1).astype(np.float32)
    return learner, (states, rng.integers(0, 2, n), np.ones(n, np.float32), after, ends)


def td3(lr: float) -> tuple[Any, tuple[Any, ...]]:
    """The example's learner, always the same, and a batch of transitions."""
    rng, module = np.random.default_rng(0), example("plot_td3")
    learner, n = module.TD3(3, 1, rng, lr=lr), module.BATCH
    states, after = rng.standard_normal((2, n, 3), np.float32)
    actions = rng.uniform(-1, 1, (n, 1)).astype(np.float32)
    return learner, (states, actions, rng.standard_normal(n, np.float32), after, np.zeros(n, np.float32))
