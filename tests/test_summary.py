"""The table of a network's layers: shapes, parameters, FLOPs; what does not fit is found there."""

import numpy as np
import pytest
from own_layers import Weighted

import fastlayers as fl


def affine(inputs, outputs, *, bias=True):
    return fl.Affine(*fl.initializers.affine(inputs, outputs, bias=bias))


def test_shapes_parameters_and_operations():
    net = fl.Sequential([affine(12, 5), fl.Relu(), fl.Dropout(), affine(5, 3, bias=False)], fl.SoftmaxWithLoss())
    summary = net.summary((3, 2, 2))
    assert isinstance(summary, fl.Summary)
    assert summary.input_shape == (3, 2, 2)
    assert [(row.place, row.name, row.output_shape, row.parameters, row.flops) for row in summary.layers] == [
        ("0", "Affine", (5,), 65, 2 * 12 * 5),
        ("1", "Relu", (5,), 0, 5),
        ("2", "Dropout", (5,), 0, 0),
        ("3", "Affine", (3,), 15, 2 * 5 * 3 - 3),
    ]
    assert (summary.parameters, summary.flops) == (80, 152)
    assert net.summary() == fl.Sequential(net.layers).summary([12])
    assert repr(net.summary()) == str(net.summary())


@pytest.mark.filterwarnings("ignore:layer .*the network computes in float")
def test_a_network_in_a_network_and_a_layer_of_ones_own():
    inner = fl.Sequential([affine(4, 4), fl.Relu()])
    summary = fl.Sequential([inner, Weighted(4), fl.Relu(), affine(4, 2)]).summary()
    assert [row.place for row in summary.layers] == ["0.0", "0.1", "1", "2", "3"]
    assert [row.output_shape for row in summary.layers] == [(4,), (4,), None, None, (2,)]
    assert [row.parameters for row in summary.layers] == [20, 0, 8, 0, 10]
    assert summary.flops is None
    assert str(summary).splitlines()[5].split() == ["1", "Weighted", "?", "8", "?"]


def test_what_does_not_fit_is_told_with_its_place_and_both_shapes():
    net = fl.Sequential([affine(12, 5), fl.Relu()])
    net.layers.append(affine(4, 3))
    with pytest.raises(ValueError, match=r"layer 2 has .* \[\(4, 3\), \(3,\)\]; expected W \(5, M\) .* shape \(5,\)$"):
        net.summary()
    with pytest.raises(ValueError, match=r"layer 0 has .*\(12, 5\).* expected W \(4, M\) .* shape \(2, 2\)$"):
        net.summary((2, 2))


@pytest.mark.parametrize("wrong", [(0,), (), (-1, 2)])
def test_sizes_below_one(wrong):
    with pytest.raises(ValueError, match="sizes of 1 or more"):
        fl.Sequential([affine(2, 2)]).summary(wrong)


@pytest.mark.parametrize("wrong", [3, "12", (2.0,), [None]])
def test_what_is_no_shape(wrong):
    with pytest.raises(TypeError, match="input_shape must be"):
        fl.Sequential([affine(2, 2)]).summary(wrong)


def test_what_has_to_be_told():
    with pytest.raises(ValueError, match="input_shape is needed, since no layer has parameters"):
        fl.Sequential([fl.Relu()]).summary()
    with pytest.raises(ValueError, match="input_shape is needed: layer 0, Weighted,"):
        fl.Sequential([Weighted(4)]).summary()
    assert fl.Sequential([fl.Relu()]).summary((2, 3)).layers[0].output_shape == (2, 3)


def test_it_is_of_plain_numbers():
    summary = fl.Sequential([fl.Affine(np.ones((2, 3)), np.ones(3))]).summary(np.array([2]).tolist())
    assert all(type(size) is int for row in summary.layers for size in row.output_shape)
    assert type(summary.parameters) is int
    assert type(summary.flops) is int
