"""What the nodes of a computation graph take: plain numbers, arrays of one shape, or one of each."""

import numpy as np
import pytest

import fastlayers as fl

NODES = [fl.MulLayer, fl.AddLayer]


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize(
    ("x", "y", "error", "words"),
    [
        ("a", "b", TypeError, "str"),
        (1j, 2, TypeError, "complex"),
        (None, 2, TypeError, "object"),
        (np.ones((2, 3)), np.ones(3), ValueError, "(2, 3)"),
        (np.ones(2), np.ones(3), ValueError, "(3,)"),
    ],
)
def test_operands_that_do_not_fit(node, x, y, error, words):
    layer = node()
    with pytest.raises(error) as caught:
        layer.forward(x, y)
    assert words in str(caught.value)
    with pytest.raises(RuntimeError, match="before forward"):
        layer.backward(1)


def test_lists_are_arrays_and_not_repeated_or_joined():
    np.testing.assert_array_equal(fl.MulLayer().forward([1, 2], 2), [2, 4])
    np.testing.assert_array_equal(fl.AddLayer().forward([1, 2], [3, 4]), [4, 6])


@pytest.mark.parametrize("node", NODES)
def test_the_gradient_of_a_number_beside_an_array_is_a_sum(node):
    layer, x, dout, h = node(), np.array([1.0, 2.0, 4.0]), np.array([1.0, -3.0, 0.5]), 1e-6
    layer.forward(x, 3.0)
    dx, dy = layer.backward(dout)
    assert dx.shape == x.shape
    assert type(dy) is float
    slope = (np.sum(node().forward(x, 3.0 + h) * dout) - np.sum(node().forward(x, 3.0 - h) * dout)) / (2 * h)
    assert dy == pytest.approx(slope)
