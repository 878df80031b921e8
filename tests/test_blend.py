"""Networks copied, and moved towards another, as target networks are."""

import kit
import numpy as np
import pytest

import fastlayers as fl

TAUS = [0, 0.005, 0.25, 1]


def network(dtype, seed=0, bias=True):
    return fl.Sequential(
        [
            fl.Affine(kit.numbers((7, 33), dtype, seed), kit.numbers((33,), dtype, seed + 1) if bias else None),
            fl.BatchNormalization(np.ones(33, dtype), np.zeros(33, dtype)),
            fl.Sequential([fl.Tanh(), fl.Affine(kit.numbers((33, 3), dtype, seed + 2))]),
        ]
    )


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("dtype", [np.float16, *kit.FAST])
@pytest.mark.parametrize("tau", TAUS)
def test_every_parameter_and_statistic_moves(dtype, tau):
    net, other = network(dtype), network(dtype, 5)
    for each, seed in ((net, 8), (other, 9)):
        each.forward(kit.numbers((6, 7), dtype, seed))
    arrays = [[*each.params, each.layers[1].running_mean, each.layers[1].running_var] for each in (net, other)]
    before, theirs = ([array.copy() for array in each] for each in arrays)
    net.freeze().blend(other, tau)
    eps = float(np.finfo(dtype).eps)
    for array, kept, old, new in zip(arrays[0], arrays[1], before, theirs, strict=True):
        kit.assert_same(kept, new)
        exact = (1 - tau) * old.astype(np.longdouble) + tau * new.astype(np.longdouble)
        scale = np.maximum(np.abs(old), np.abs(new)).astype(float)
        assert np.all(np.abs(array - exact) <= 2 * eps * scale)
        if tau in (0, 1):
            kit.assert_same(array, new if tau else old)


@pytest.mark.usefixtures("implementation")
def test_what_is_not_finite():
    net, other = (
        fl.Sequential([fl.Affine(np.array([row]))]) for row in ([np.inf, np.nan, 1e308, 1.0], [1.0, 2.0, 1e308, np.inf])
    )
    net.blend(other, 0.5)
    np.testing.assert_array_equal(net.layers[0].W, [[np.inf, np.nan, 1e308, np.inf]])
    net.blend(other, 1)
    np.testing.assert_array_equal(net.layers[0].W, other.layers[0].W)


@pytest.mark.usefixtures("implementation")
def test_what_is_one_array_moves_once():
    def tied(value):
        W = np.full((3, 3), value)
        return fl.Sequential([fl.Affine(W), fl.Relu(), fl.Affine(W.T)])

    net = tied(1.0)
    again = net.copy()
    again.layers[0].W[0, 1] = 7
    assert again.layers[2].W[1, 0] == 7
    assert net.layers[0].W[0, 1] == 1
    net.blend(tied(3.0), 0.5)
    np.testing.assert_array_equal(net.layers[2].W, np.full((3, 3), 2.0))
    net.blend(net, 0.5)
    np.testing.assert_array_equal(net.layers[2].W, np.full((3, 3), 2.0))


@pytest.mark.usefixtures("implementation")
def test_with_tau_0_nothing_changes_whatever_the_other_has_come_to():
    net, other = network(np.float64), network(np.float64, 5)
    other.layers[0].W[...] = np.inf
    kept = net.layers[0].W.copy()
    net.blend(other, 0.0)
    kit.assert_same(net.layers[0].W, kept)


@pytest.mark.usefixtures("implementation")
def test_statistics_that_are_not_there_yet():
    net, other = network(np.float32), network(np.float32)
    other.forward(kit.numbers((6, 7), np.float32))
    other.blend(net, 0.5)
    kept = other.layers[1].running_mean.copy()
    net.blend(other, 0.5)
    kit.assert_same(net.layers[1].running_mean, kept)
    assert net.layers[1].running_mean is not other.layers[1].running_mean


@pytest.mark.usefixtures("implementation")
def test_a_part_of_the_others_memory():
    memory = np.arange(12.0)
    net, other = (fl.Sequential([fl.Affine(part.reshape(2, 4))]) for part in (memory[:8], memory[4:]))
    net.blend(other, 0.5)
    np.testing.assert_array_equal(memory, [2, 3, 4, 5, 6, 7, 8, 9, 8, 9, 10, 11])


def read_only(dtype):
    net = network(dtype)
    net.layers[2].layers[1].W.flags.writeable = False
    return net


REFUSED = {
    "no network": (
        network,
        lambda net: net.params,
        0.5,
        TypeError,
        "other must be a network, as Sequential is, not list",
    ),
    "tau": (network, network, 1.5, ValueError, r"tau must lie in \[0, 1\], not 1.5"),
    "no number": (network, network, "1", TypeError, "tau must hold real numbers"),
    "another shape": (
        network,
        lambda dtype: fl.Sequential([fl.Affine(np.ones((2, 2))) for _ in range(5)]),
        0.5,
        ValueError,
        r"0.W has shape \(7, 33\), but the other network's has shape \(2, 2\)",
    ),
    "fewer": (
        network,
        lambda dtype: network(dtype, bias=False),
        0.5,
        ValueError,
        "the other network has 4 arrays, this one 5",
    ),
    "read-only": (read_only, network, 0.5, ValueError, "2.1.W is read-only"),
}


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_go_together_is_not_written_to(name):
    mine, theirs, tau, error, message = REFUSED[name]
    net = mine(np.float64)
    before = [param.copy() for param in net.params]
    other = theirs(net) if name == "no network" else theirs(np.float64)
    with pytest.raises(error, match=message):
        net.blend(other, tau)
    for param, kept in zip(net.params, before, strict=True):
        kit.assert_same(param, kept)


def test_plain_networks_are_moved_by_the_kernel(level):
    net, other = network(np.float32), network(np.float64, 5)
    for others in (net.params, other.params, tuple(other.params)):  # in whatever dtype
        assert level.blend(net.params, others, 0.5) is None
    for odd in (
        ([*net.params, net.params[0]], other.params, 0.5),
        (net.params, other.params, 1),
        (net.params, [], 0.5),
    ):
        assert level.blend(*odd) is NotImplemented
