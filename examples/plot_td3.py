"""
Twin critics: a pendulum that is swung up
=========================================

Pendulum by TD3 (Fujimoto et al., 2018): the torque is any number, so the actor learns by the gradient of what a critic
says of its actions, by the actions. Two critics stand in one network, by ``Parallel``; the lower one is believed.
``python examples/plot_td3.py --seed 1`` learns from other random numbers; what it needs is installed by
``pip install '.[rl]'``. With each seed from 0 to 4 the mean return ended at about -140.
"""

import argparse

import gymnasium
import matplotlib.pyplot as plt
import numpy as np
from tqdm import trange

import fastlayers as fl

ENVIRONMENT, LARGEST = "Pendulum-v1", 2.0  # torque
FIRST, BATCH, GAMMA, EXPLORATION = 1_000, 128, 0.98, 0.1  # the first steps are random, and nothing is learned


def network(inputs, outputs, rng):
    def affine(inputs, outputs):
        return fl.Affine(*fl.initializers.affine(inputs, outputs, rng=rng))

    return fl.Sequential([affine(inputs, 64), fl.Relu(), affine(64, 64), fl.Relu(), affine(64, outputs)])


class TD3:
    """An actor, whose actions are from -1 to 1, and two critics, which say what return an action leads to."""

    def __init__(self, inputs, actions, rng, lr=1e-3, tau=0.005, noise=0.2, clip=0.5):
        self.actor = fl.Sequential([network(inputs, actions, rng), fl.Tanh()])
        self.critic = network(inputs + actions, 1, rng)
        self.critics = fl.Sequential([fl.Parallel([self.critic, network(inputs + actions, 1, rng)])])
        self.target_actor, self.target_critics = self.actor.copy(), self.critics.copy()
        self.of_actor, self.of_critics = fl.Adam(lr), fl.Adam(lr)
        self.tau, self.noise, self.clip, self.updates, self.rng = tau, noise, clip, 0, rng

    def act(self, state):
        """The action in one state, without noise."""
        return self.actor.predict(state)

    def update(self, states, actions, rewards, next_states, ends):
        """One step of the critics by half the mean square on a batch; of actor and targets each second time."""
        noise = (self.noise * self.rng.standard_normal(actions.shape, np.float32)).clip(-self.clip, self.clip)
        next_actions = (self.target_actor.predict(next_states) + noise).clip(-1, 1)
        after = np.minimum(*self.target_critics.predict(np.concatenate((next_states, next_actions), axis=1)).T)
        expected = rewards + GAMMA * (1 - ends) * after
        q = self.critics.forward(np.concatenate((states, actions), axis=1))
        self.critics.backward((q - expected[:, None]) / len(q), need_dx=False)
        self.of_critics.update(self.critics.params, self.critics.grads)
        self.updates += 1
        if self.updates % 2 == 0:
            self.improve(states)

    def improve(self, states):
        """One step of the actor towards what the first critic values more, by the gradient with respect to actions."""
        critic = self.critic.freeze()
        q = critic.forward(np.concatenate((states, self.actor.forward(states)), axis=1))
        dx = critic.backward(np.full_like(q, -1 / len(q)))
        critic.unfreeze()
        self.actor.backward(dx[:, states.shape[1] :], need_dx=False)
        self.of_actor.update(self.actor.params, self.actor.grads)
        self.target_actor.blend(self.actor, self.tau)
        self.target_critics.blend(self.critics, self.tau)


def train(learner, seed, steps):
    """Let a learner learn for so many steps; the steps at which episodes ended, and their returns."""
    rng, env = np.random.default_rng(seed), gymnasium.make(ENVIRONMENT)
    (state, _), so_far, returns = env.reset(seed=seed), 0.0, []
    seen = [np.empty((steps, width), np.float32) for width in (3, 1, 1, 3, 1)]
    for step in trange(steps, disable=None, unit="step", leave=False):
        if step < FIRST:
            action = rng.uniform(-1, 1, 1).astype(np.float32)
        else:
            noise = rng.standard_normal(1, np.float32)
            action = np.clip(learner.act(state) + np.float32(EXPLORATION) * noise, -1, 1)
        next_state, reward, terminated, truncated, _ = env.step(LARGEST * action)
        for array, value in zip(seen, (state, action, reward, next_state, terminated), strict=True):
            array[step] = value
        state, so_far = next_state, so_far + reward
        if terminated or truncated:
            returns.append((step, so_far))
            (state, _), so_far = env.reset(), 0.0
        if step >= FIRST:
            rows = rng.integers(step + 1, size=BATCH)
            states, actions, rewards, next_states, ends = (array[rows] for array in seen)
            learner.update(states, actions, rewards[:, 0], next_states, ends[:, 0])
    return np.array(returns).T


def evaluate(learner, episodes, seed):
    """The mean return without noise."""
    env, total = gymnasium.make(ENVIRONMENT), 0.0
    for episode in range(episodes):
        (state, _), over = env.reset(seed=seed + episode), False
        while not over:
            state, reward, terminated, truncated, _ = env.step(LARGEST * learner.act(state))
            total, over = total + reward, terminated or truncated
    return total / episodes


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Learn to swing up a pendulum, by TD3.")
    for name, default in (("seed", 0), ("steps", 15_000)):
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N", help=f"{default} by default")
    given = parser.parse_args(arguments)
    learner = TD3(3, 1, np.random.default_rng(given.seed))
    ends, returns = train(learner, given.seed, given.steps)
    print(f"over 100 episodes, without noise: a mean return of {evaluate(learner, 100, seed=10_000):.1f}")

    _, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
    axes.plot(ends, returns, ".", color="0.7", label="an episode")
    axes.plot(ends[4:], np.convolve(returns, np.ones(5) / 5, "valid"), label="mean of 5")
    axes.axhline(-250, color="0.4", linestyle="--", linewidth=1, label="solved")
    axes.set(xlabel="steps", ylabel="return")
    axes.legend(loc="lower right")
    plt.show()


if __name__ == "__main__":
    main()
