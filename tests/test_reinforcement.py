"""The programs of reinforcement learning in examples/: their gradients, and that a seed gives the same run."""

import numpy as np
import pytest
from test_examples import NoUpdate, example

import fastlayers as fl

for needed in ("gymnasium", "tqdm", "matplotlib"):
    pytest.importorskip(needed)


def batch(rng, count, width):
    return rng.standard_normal((count, width)).astype(np.float32)


def bits(*nets):
    return b"".join(param.tobytes() for net in nets for param in net.params)


def nets(learner):
    return [value for value in vars(learner).values() if isinstance(value, fl.Sequential)]


def test_ppo_has_the_gradient_of_its_objective():
    rng = np.random.default_rng(0)
    learner = example("plot_ppo").PPO(4, 3, 1, rng, entropy=0.5)
    learner.optimizer = NoUpdate()
    for param in learner.policy.params:
        param += 0.3 * rng.standard_normal(param.shape, np.float32)
    states, rows = batch(rng, 64, 4), np.arange(64)
    actions = rng.integers(3, size=64)
    before = learner.probabilities(states, actions) * rng.choice([0.7, 0.9, 1.1, 1.4], 64).astype(np.float32)
    advantages, returns = batch(rng, 2, 64)

    def objective():
        p = fl.softmax(learner.policy.predict(states).astype(float))
        ratio = p[rows, actions] / before
        surrogate = np.minimum(advantages * ratio, advantages * np.clip(ratio, 0.8, 1.2))
        entropy = -np.sum(p * np.log(p), axis=1)
        return np.mean(-surrogate - 0.5 * entropy + 0.5 * (learner.values(states) - returns) ** 2)

    learner.update(states, actions, before, advantages, returns)
    for param, grad in zip(learner.params, learner.grads, strict=True):
        direction, kept, step = rng.standard_normal(param.shape, np.float32), param.copy(), np.float32(1e-3)
        losses = []
        for moved in (kept + step * direction, kept - step * direction, kept):
            param[...] = moved
            losses.append(objective())
        assert (losses[0] - losses[1]) / (2 * step) == pytest.approx(np.sum(grad * direction), rel=0.02, abs=2e-3)


def test_advantages_end_with_their_episode():
    ppo = example("plot_ppo")
    rewards, values = np.ones((3, 1), np.float32), np.float32([[1], [2], [3]])
    dones, last = np.float32([[0], [1], [0]]), np.float32([4])
    third = 1 + ppo.GAMMA * 4 - 3
    second = 1 - 2
    first = 1 + ppo.GAMMA * 2 - 1 + ppo.GAMMA * ppo.LAMBDA * second
    np.testing.assert_allclose(ppo.advantages_of(rewards, dones, values, last)[:, 0], [first, second, third], rtol=1e-6)


def test_dqn_learns_what_actions_are_worth_and_renews_its_target():
    rng = np.random.default_rng(0)
    learner = example("plot_dqn").DQN(4, 2, 10_000, rng, lr=3e-3, every=300)
    states, actions, ends = batch(rng, 32, 4), rng.integers(2, size=32), np.ones(32, np.float32)
    rewards = states[:, 0] + actions
    rewards[:16], ends[:16] = 1, 0  # after these comes what the target says
    after = learner.target.predict(states).max(axis=1)
    expected = rewards + 0.99 * after * (1 - ends)
    for _ in range(299):
        learner.update(states, actions, rewards, states, ends)
    assert np.abs(learner.q.predict(states)[np.arange(32), actions] - expected).max() < 0.05
    assert bits(learner.target) != bits(learner.q)
    learner.update(states, actions, rewards, states, ends)
    assert bits(learner.target) == bits(learner.q)


def test_dqn_ends_when_it_is_solved(monkeypatch):
    program = example("plot_dqn")
    monkeypatch.setattr(program, "SOLVED", 8)
    ends, _ = program.train(program.DQN(4, 2, 1, np.random.default_rng(0)), 0, 900)
    assert len(ends) == 1


def test_td3_moves_actions_to_where_the_critic_says_more():
    rng = np.random.default_rng(0)
    learner = example("plot_td3").TD3(3, 1, rng)
    states, actions, rewards = batch(rng, 64, 3), rng.uniform(-1, 1, (64, 1)).astype(np.float32), batch(rng, 64, 1)
    kept, start, learner.of_critics = bits(learner.critics), learner.actor.copy(), NoUpdate()

    def judged():
        return learner.critic.predict(np.concatenate((states, learner.actor.predict(states)), axis=1)).mean()

    said = [judged()]
    for _ in range(4):
        learner.update(states, actions, rewards[:, 0], states, np.zeros(64, np.float32))
        said.append(judged())
    assert said[0] == said[1] < said[2] == said[3] < said[4]  # each second time
    assert bits(learner.critics) == kept
    moved, followed = (np.abs(net.params[0] - start.params[0]).max() for net in (learner.actor, learner.target_actor))
    assert 0 < followed < 0.05 * moved


@pytest.mark.parametrize(
    ("name", "steps", "made"),
    [
        ("plot_ppo", 1024, lambda m, rng: m.PPO(4, 2, m.updates(1024), rng)),
        ("plot_dqn", 1400, lambda m, rng: m.DQN(4, 2, m.updates(1400), rng)),
        ("plot_td3", 1050, lambda m, rng: m.TD3(3, 1, rng)),
    ],
)
def test_a_seed_gives_the_same_run(name, steps, made):
    program, runs = example(name), []
    for seed in (5, 5, 6):
        learner = made(program, np.random.default_rng(seed))
        start = bits(*nets(learner))
        ends, returns = program.train(learner, seed, steps)
        assert 0 <= ends.min() <= ends.max() < steps
        runs.append((bits(*nets(learner)), returns.tolist()))
        assert start != runs[-1][0]
    assert runs[0] == runs[1] != runs[2]


def test_ppo_learns(monkeypatch, capsys):
    import matplotlib.pyplot as plt

    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gcf()))
    example("plot_ppo").main(["--steps", "8000"])
    assert float(capsys.readouterr().out.split()[-1]) > 60  # by chance it is 9 to 22
    assert len(shown) == 1
    plt.close("all")
