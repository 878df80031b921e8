"""Networks of sequences, wherever they go: as one call, to files, to ranks, into a summary and a picture."""

import pickle

import kit
import numpy as np
import pytest
from ranks import results_on_ranks

import fastlayers as fl
from fastlayers.graph import Graph
from fastlayers.mpi import DataParallel

N, STEPS, V = 7, 4, 9
RNG = np.random.default_rng(0)
X, T = RNG.integers(0, V, (3, N, STEPS)), RNG.integers(0, 3, (3, N))


def parameters(gates, inputs, units, seed):
    shapes = (inputs, gates * units), (units, gates * units), (gates * units,)
    return [kit.numbers(shape, np.float32, seed + i) / 4 for i, shape in enumerate(shapes)]


def words(stateful=False):
    """A network of so many words a sample, with a layer of each kind."""
    layers = [
        fl.TimeEmbedding(kit.numbers((V, 3), np.float32)),
        fl.TimeLSTM(*parameters(4, 3, 5, 10), stateful),
        fl.TimeBiLSTM(*parameters(4, 5, 2, 20), *parameters(4, 5, 2, 30)),
        fl.TimeGRU(*parameters(3, 4, 3, 40), stateful),
        fl.TimeRNN(*parameters(1, 3, 4, 50), stateful),
        fl.TimeAffine(kit.numbers((4, 2), np.float32), np.zeros(2, np.float32)),
        fl.Flatten(),
        fl.Affine(kit.numbers((2 * STEPS, 3), np.float32, 1), np.zeros(3, np.float32)),
    ]
    return fl.Sequential(layers, fl.SoftmaxWithLoss())


def test_every_parameter_is_trained_in_one_call_as_layer_by_layer(implementation):
    net, by_hand = words(), words()
    assert bool(net.compiled) == (implementation != "reference")
    _, grads = net.gradient(X[0], T[0])
    scores = by_hand.loss_layer.forward(by_hand.forward(X[0]), T[0])
    by_hand.backward(by_hand.loss_layer.backward(), need_dx=False)
    assert np.isfinite(scores)
    assert [grad.shape for grad in grads] == [param.shape for param in net.params]
    for ours, theirs in zip(grads, by_hand.grads, strict=True):
        kit.assert_same(ours, theirs)
        assert ours.any()
    before = [param.copy() for param in net.params]
    net.train_step(X[0], T[0], fl.SGD(0.1))
    for param, old, grad in zip(net.params, before, grads, strict=True):
        np.testing.assert_allclose(param, old - np.float32(0.1) * grad, rtol=1e-6, atol=1e-7)


def test_a_parameter_that_is_another_array_is_that_of_both_directions():
    both = words().layers[2]
    x = kit.numbers((2, STEPS, 5), np.float32)
    one = both.forward(x)
    both.Wx2 = both.Wx1
    assert not np.array_equal(both.forward(x), one)
    expected = fl.TimeBiLSTM(both.Wx1, *both.params[1:]).forward(x)
    kit.assert_same(both.forward(x), expected)


def test_it_comes_back_from_a_file_without_its_state(tmp_path):
    net, fresh = words(stateful=True), words(stateful=True)
    net.predict(X[0])
    ways = {"npz": (net.save, fl.Sequential.load), "safetensors": (net.to_safetensors, fl.Sequential.from_safetensors)}
    expected = fresh.predict(X[1])
    for way, (write, read) in ways.items():
        if way == "safetensors":
            pytest.importorskip("safetensors")
        write(tmp_path / way)
        again = read(tmp_path / way)
        assert repr(again) == repr(net)
        kit.assert_same(again.predict(X[1]), expected)
    again = pickle.loads(pickle.dumps(net))  # which is the network as it stands
    assert again.layers[2].Wx1 is again.layers[2].forward_lstm.Wx
    kit.assert_same(again.predict(X[1]), net.predict(X[1]))


@pytest.mark.usefixtures("without_mpi4py")
@pytest.mark.thread_unsafe(reason="has threads of its own")
def test_ranks_give_what_one_gives_each_with_the_state_of_its_sequences():
    alone = words(stateful=True)
    losses = [alone.train_step(x, t, fl.SGD(0.1)) for x, t in zip(X, T, strict=True)]

    def work(comm):
        net = DataParallel(words(stateful=True), comm)
        steps = [net.train_step(*net.shard(x, t), fl.SGD(0.1)) for x, t in zip(X, T, strict=True)]
        return steps, [param.copy() for param in net.params], net.layers[1].h

    found = results_on_ranks(3, work)
    for steps, params, _ in found:
        np.testing.assert_allclose(steps, losses, rtol=1e-5)
        for ours, true in zip(params, alone.params, strict=True):
            np.testing.assert_allclose(ours, true, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.concatenate([h for *_, h in found]), alone.layers[1].h, rtol=1e-4, atol=1e-6)


def test_a_summary():
    rows = words().summary((STEPS,)).layers
    assert [row.output_shape for row in rows] == [(4, 3), (4, 5), (4, 4), (4, 3), (4, 4), (4, 2), (8,), (3,)]
    assert [row.parameters for row in rows][2:4] == [2 * (5 * 8 + 2 * 8 + 8), 4 * 9 + 3 * 9 + 9]
    assert rows[4].flops == STEPS * (2 * (3 * 4 + 4 * 4) + 4)
    with pytest.raises(ValueError, match="input_shape is needed: layer 0, TimeLSTM, takes samples of more than one"):
        fl.Sequential(words().layers[1:]).summary()


def test_a_graph_of_a_network_and_of_cells():
    net = words()
    graph = Graph.of_network(net, X[0], T[0])
    assert "TimeBiLSTM" in graph.to_dot()
    assert "Wx23" in graph.to_dot()  # of the third layer with parameters
    x, params = kit.numbers((2, 2, 3), np.float32), parameters(4, 3, 5, 10)
    graph, cells = Graph(), [fl.LSTM(*params), fl.LSTM(*params)]
    h, c = first = graph.input(np.zeros((2, 5), np.float32), "h"), graph.input(np.ones((2, 5), np.float32), "c")
    for t, cell in enumerate(cells):
        h, c = graph.apply(cell, graph.input(x[:, t], f"x{t}"), h, c, name=f"h{t}")
    graph.backward(np.ones_like(h.value))
    whole = fl.TimeLSTM(*params, stateful=True)
    whole.set_state(first[0].value, first[1].value)
    np.testing.assert_allclose(whole.forward(x)[:, 1], h.value, rtol=1e-6)
    whole.backward(np.stack([np.zeros((2, 5)), np.ones((2, 5))], 1).astype(np.float32))
    for edge, gradient in zip(first, (whole.dh, whole.dc), strict=True):
        np.testing.assert_allclose(edge.grad, gradient, rtol=1e-5)
    dot = graph.to_dot()
    assert dot.count("LSTM") == 2
    assert "h1" in dot


@pytest.mark.parametrize("shape", [(N,), (N, STEPS - 1)])
def test_weights_of_other_steps_than_the_labels_are_refused(shape):
    """Before a recurrent layer, which says of no shape what it makes of it, has run."""
    affine = fl.TimeAffine(kit.numbers((5, V), np.float32), np.zeros(V, np.float32))
    net = fl.Sequential([*words().layers[:2], affine], fl.TimeSoftmaxWithLoss())
    with pytest.raises(
        ValueError, match=r"sample_weight of shape .* does not fit t of .*: it must have shape \(7, 4\)"
    ):
        net.fit(X[0], X[1], 1, sample_weight=np.ones(shape))
