"""Whether arrays are finite, and where they are not: whatever their dtype, layout and size."""

import kit
import numpy as np
import pytest

import fastlayers as fl
from fastlayers.training import finiteness

BAD = [np.nan, np.inf, -np.inf]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", "complex64", ">f4"])
def test_the_first_is_found(dtype, bad):
    array = np.ones((6, 2, 3), dtype)
    assert finiteness.is_finite(array)
    assert finiteness.first_nonfinite(array) is None
    array[4, 1, 0] = array[5] = bad
    assert not finiteness.is_finite(array)
    assert finiteness.first_nonfinite(array) == (4, 1, 0)
    assert finiteness.first_nonfinite(np.asarray(bad, dtype)) == ()


@pytest.mark.parametrize("layout", kit.LAYOUTS.values(), ids=kit.LAYOUTS)
def test_in_every_layout(layout):
    array = np.ones((5, 3))
    array[2, 1] = np.nan
    array = layout(array)
    expected = np.argwhere(np.isnan(array))[0].tolist()
    assert finiteness.first_nonfinite(array) == tuple(expected)


def test_in_a_large_array_piece_by_piece():
    array = np.ones((300_000, 2), np.float32)
    for row in (299_999, 131_072, 32_768, 32_767, 0):  # a piece has 32,768 rows
        array[row, 1] = np.inf
        assert finiteness.first_nonfinite(array) == (row, 1)


def test_what_overflows_when_it_is_squared_is_finite():
    for dtype in (np.float32, np.float64):
        array = np.full(9, np.finfo(dtype).max, dtype)
        assert finiteness.is_finite(array)
        array[7] = np.nan
        assert finiteness.first_nonfinite(array) == (7,)


@pytest.mark.parametrize("array", [np.arange(3), np.array(["nan"]), np.array([np.nan], object), np.ones(2, bool)])
def test_what_is_not_of_floats_is_not_looked_at(array):
    assert finiteness.first_nonfinite(array) is None


@pytest.mark.parametrize("shape", [(0,), (0, 4), (3, 0)])
def test_of_nothing_all_is_finite(shape):
    assert finiteness.first_nonfinite(np.empty(shape)) is None


def test_losses():
    for loss in (1.0, np.float32(2), np.array(3.0), np.ones((2, 2)), 0):
        assert finiteness.is_finite_loss(loss)
    for loss in (np.nan, np.float32(np.inf), np.array([1.0, np.nan])):
        assert not finiteness.is_finite_loss(loss)
        assert finiteness.shown_loss(loss) in ("nan", "inf")


def test_parameters_are_named():
    layers = [fl.Affine(np.ones((2, 3))), fl.Relu(), fl.Affine(np.ones((3, 2)), np.ones(2))]
    assert finiteness.of_layers(layers) is None
    layers[2].b[1] = -np.inf
    assert finiteness.of_layers(layers) == "b of layer 2 holds -inf at index (1,)"
    layers[0].W[1, 2] = np.nan
    assert finiteness.of_layers(layers) == "W of layer 0 holds nan at index (1, 2)"


class Book:
    """An optimizer as the book has it, with what others keep besides."""

    def __init__(self, v):
        self.lr, self.v, self.text = 0.1, v, "nan"


@pytest.mark.parametrize("hold", [lambda a: {"W1": np.ones(2), "b1": a}, lambda a: [np.ones(2), a], lambda a: a])
def test_an_optimizers_state_is_named(hold):
    array = np.ones(3)
    optimizer = Book(hold(array))
    assert finiteness.of_optimizer(optimizer) is None
    array[2] = np.inf
    assert finiteness.of_optimizer(optimizer) == "v of Book holds inf"
    assert finiteness.of_optimizer(object()) is None
