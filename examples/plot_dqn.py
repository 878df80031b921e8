"""
Deep Q-learning: what each action is worth
==========================================

CartPole again, by DQN (Mnih et al., 2015): a network that says what return each action leads to, learns from what it
has seen before, and is held against a copy of itself that follows slowly, by ``blend``. The loss is Huber's.
``python examples/plot_dqn.py --seed 1`` learns from other random numbers; it needs ``fastlayers[rl]``.
"""

import argparse

import gymnasium
import matplotlib.pyplot as plt
import numpy as np
from tqdm import trange

import fastlayers as fl

ENVIRONMENT = "CartPole-v1"
MEMORY, BATCH, GAMMA = 10_000, 128, 0.99
FIRST, EVERY = 1_000, 10  # steps before the first update, and from one to the next
RANDOM_FROM, RANDOM_TO, RANDOM_UNTIL = 1.0, 0.05, 0.5  # how often an action is random, falling until half of all steps


class DQN:
    """A network of each action's value, and its target."""

    def __init__(self, inputs, actions, rng, lr=2.5e-4, tau=1.0, every=50):
        def affine(inputs, outputs):
            bound = 1 / np.sqrt(inputs)
            W, b = (rng.uniform(-bound, bound, shape).astype(np.float32) for shape in ((inputs, outputs), outputs))
            return fl.Affine(W, b)

        layers = [affine(inputs, 120), fl.Relu(), affine(120, 84), fl.Relu(), affine(84, actions)]
        self.q = fl.Sequential(layers)
        import copy
        self.target = copy.deepcopy(self.q)
        self.optimizer, self.tau, self.every, self.n = fl.Adam(lr), tau, every, 0
        self.params, self.grads = self.q.params, self.q.grads

    def act(self, state):
        """The best action in one state."""
        return self.q.predict(state).argmax()

    def update(self, states, actions, rewards, next_states, ends):
        """One step on a batch; what is expected of an action is its reward, and the best of what may follow."""
        expected = rewards + GAMMA * (1 - ends) * self.target.predict(next_states).max(axis=1)
        q, rows = self.q.forward(states), np.arange(len(states))
        dq = np.zeros_like(q)
        dq[rows, actions] = np.clip(q[rows, actions] - expected, -1, 1) / len(rows)
        self.q.backward(dq, need_dx=False)
        self.optimizer.update(self.params, self.grads)
        self.n += 1
        if self.n % self.every == 0:
            for p, q in zip(self.target.params, self.params):
                p += self.tau * (q - p)


class Memory:
    """The last transitions, of which each may be drawn."""

    def __init__(self, size, state, rng):
        self.states, self.next_states = np.empty((size, *state), np.float32), np.empty((size, *state), np.float32)
        self.actions, self.rewards, self.ends = np.empty(size, int), np.empty(size, np.float32), np.empty(size, np.float32)
        self.count, self.rng = 0, rng

    def add(self, *transition):
        place = self.count % len(self.states)
        for array, value in zip(self.arrays(), transition):
            array[place] = value
        self.count += 1

    def arrays(self):
        return self.states, self.actions, self.rewards, self.next_states, self.ends

    def sample(self, count):
        rows = self.rng.integers(min(self.count, len(self.states)), size=count)
        return [array[rows] for array in self.arrays()]


def train(learner, seed, steps):
    """Let a learner learn for so many steps; the steps at which episodes ended, and their returns."""
    rng, env = np.random.default_rng(seed), gymnasium.make(ENVIRONMENT)
    state, so_far, ends = env.reset(seed=seed)[0], 0.0, []
    memory = Memory(MEMORY, state.shape, rng)
    bar = trange(steps, disable=None, unit="step", leave=False)
    for step in bar:
        part = min(step / (RANDOM_UNTIL * steps), 1)
        if rng.random() < RANDOM_FROM + part * (RANDOM_TO - RANDOM_FROM):
            action = int(rng.integers(env.action_space.n))
        else:
            action = int(learner.act(state))
        next_state, reward, terminated, truncated, _ = env.step(action)
        memory.add(state, action, reward, next_state, terminated)
        state, so_far = next_state, so_far + reward
        if terminated or truncated:
            ends.append((step, so_far))
            state, so_far = env.reset()[0], 0.0
        if step >= FIRST and step % EVERY == 0:
            learner.update(*memory.sample(BATCH))
    return np.array(ends).T


def evaluate(learner, episodes, seed):
    """The mean return of the greedy policy."""
    env, total = gymnasium.make(ENVIRONMENT), 0.0
    for episode in range(episodes):
        (state, _), over = env.reset(seed=seed + episode), False
        while not over:
            state, reward, terminated, truncated, _ = env.step(int(learner.act(state)))
            total, over = total + reward, terminated or truncated
    return total / episodes
