"""The learners of the examples' reinforcement learning as they are written in PyTorch, from the weights of ours.

Each has the methods of the example's own class, so that the example's ``train`` takes either.
"""

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


def module_of(net: fastlayers.Sequential) -> Any:
    """The same layers of PyTorch's, with the same weights."""
    torch = peers.import_torch()
    kinds = {fastlayers.Tanh: torch.nn.Tanh, fastlayers.Relu: torch.nn.ReLU}
    module = torch.nn.Sequential(
        *(
            torch.nn.Linear(*layer.W.shape) if isinstance(layer, fastlayers.Affine) else kinds[type(layer)]()
            for layer in net.layers
        )
    )
    module.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in net.state_dict().items()})
    return module


class Learner:
    """What a learner in PyTorch has."""

    optimizer: Any
    parameters: list[Any]

    def __init__(self) -> None:
        self.torch = peers.import_torch()  # once: it sets the threads, which takes a while

    def predicted(self, net: Any, states: Any) -> Any:
        with self.torch.inference_mode():
            return net(self.torch.from_numpy(states))


class PPO(Learner):
    """Of ``plot_ppo.py``; what it takes as `before` is the logarithm."""

    def __init__(self, ours: Any) -> None:
        super().__init__()
        self.policy, self.value = module_of(ours.policy), module_of(ours.value)
        self.parameters = [*self.policy.parameters(), *self.value.parameters()]
        self.optimizer = self.torch.optim.Adam(self.parameters, eps=ours.optimizer.eps)
        self.rate, self.max_norm, self.updates = ours.optimizer.lr, ours.optimizer.clip_norm, 0
        self.clip, self.entropy = ours.clip, ours.entropy

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
        self.updates += 1
        self.optimizer.zero_grad()
        loss.backward()
        self.torch.nn.utils.clip_grad_norm_(self.parameters, self.max_norm)
        self.optimizer.step()


class DQN(Learner):
    """Of ``plot_dqn.py``."""

    def __init__(self, ours: Any, gamma: float) -> None:
        super().__init__()
        self.q, self.target = module_of(ours.q), module_of(ours.target)
        self.parameters = [*self.q.parameters()]
        self.optimizer = self.torch.optim.Adam(self.parameters, lr=ours.optimizer.lr)
        self.gamma, self.tau, self.every, self.updates = gamma, ours.tau, ours.every, 0

    def act(self, state: Any) -> Any:
        return self.predicted(self.q, state).argmax().numpy()

    def update(self, *batch: Any) -> None:
        states, actions, rewards, next_states, ends = map(self.torch.from_numpy, batch)
        with self.torch.no_grad():
            expected = rewards + self.gamma * (1 - ends) * self.target(next_states).max(dim=1).values
        q = self.q(states).gather(1, actions[:, None])[:, 0]
        loss = self.torch.nn.functional.smooth_l1_loss(q, expected)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.updates += 1
        if self.updates % self.every == 0:
            blend(self.target, self.q, self.tau)


def blend(target: Any, net: Any, tau: float) -> None:
    """As most programs in PyTorch have it."""
    for kept, param in zip(target.parameters(), net.parameters(), strict=True):
        kept.data.copy_(tau * param.data + (1 - tau) * kept.data)


def learned(learner: Any) -> list[Any]:
    """What an update has made, of ours or PyTorch's: the optimizer's mean of the gradients, and the parameters."""
    optimizer = learner.optimizer
    if isinstance(optimizer, fastlayers.Adam):
        return [*optimizer.m.values(), *learner.params]
    params = learner.parameters
    arrays = [*(optimizer.state[param]["exp_avg"] for param in params), *(param.detach() for param in params)]
    return [array.numpy().T for array in arrays]


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
    learner, n = module.DQN(4, 2, rng, lr=lr, every=UPDATES), module.BATCH
    states, after = rng.standard_normal((2, n, 4), np.float32)
    ends = (rng.random(n) < 0.1).astype(np.float32)
    return learner, (states, rng.integers(0, 2, n), np.ones(n, np.float32), after, ends)
