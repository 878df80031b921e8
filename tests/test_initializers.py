"""Initial weights: their variance, their bounds, their stream, and what they refuse."""

import inspect
import math
import re

import kit
import numpy as np
import pytest
from families import LAYER
from family import Arrays

import fastlayers as fl
from fastlayers import initializers
from fastlayers.initializers import affine, convolution, he_normal, he_uniform, xavier_normal, xavier_uniform

DEVIATIONS = {
    he_normal: lambda d, m: math.sqrt(2 / d),
    he_uniform: lambda d, m: math.sqrt(2 / d),
    xavier_normal: lambda d, m: math.sqrt(2 / (d + m)),
    xavier_uniform: lambda d, m: math.sqrt(2 / (d + m)),
}
WITH_PARAMETERS = [name for name in fl.layers.__all__ if getattr(getattr(fl, name), "param_names", ())]
# The sizes of the layers in `families`, by the letters of `_initializer`.
SIZES = {"C": 1, "D": 5, "V": 7, "M": 3, "H": 5, "FN": 3, "F": 2}
every_initializer = pytest.mark.parametrize("init", DEVIATIONS, ids=lambda init: init.__name__)


def test_every_initializer_is_here():
    of_layers = {getattr(fl, name)._initializer.partition("(")[0] for name in WITH_PARAMETERS}
    assert {init.__name__ for init in DEVIATIONS} | of_layers == {*initializers.__all__}


@every_initializer
@pytest.mark.parametrize(
    ("shape", "fans"), [((400, 100), (400, 100)), ((100, 400), (100, 400)), ((80, 20, 5, 5), (500, 2000))]
)
def test_deviation(init, shape, fans):
    """Of 40,000 numbers the deviation is known to 0.4 %, and the mean to 0.5 % of it; four times that is allowed."""
    weights = init(shape, rng=3, dtype=np.float64)
    deviation = DEVIATIONS[init](*fans)
    assert weights.std() == pytest.approx(deviation, rel=0.016)
    assert abs(weights.mean()) < 0.02 * deviation
    bound = math.sqrt(3) * deviation
    outside = np.mean(np.abs(weights) > bound)
    if init in (he_uniform, xavier_uniform):
        assert outside == 0
        assert np.abs(weights).max() > 0.99 * bound
    else:
        assert outside == pytest.approx(math.erfc(math.sqrt(1.5)), abs=0.006)


@every_initializer
@pytest.mark.parametrize("dtype", kit.FLOATS)
def test_a_seed_gives_the_same_numbers_in_every_dtype(init, dtype):
    exact, weights = init((7, 3), rng=5, dtype=np.float64), init((7, 3), rng=5, dtype=dtype)
    kit.assert_same(weights, exact.astype(dtype))
    assert weights.flags.c_contiguous
    assert weights.flags.writeable


@every_initializer
def test_rng(init):
    rng = np.random.default_rng(9)
    first, second = init((4, 3), rng=rng), init((4, 3), rng=rng)
    kit.assert_same(first, init((4, 3), rng=np.random.default_rng(9)))
    kit.assert_same(first, init((4, 3), rng=np.random.SeedSequence(9)))
    assert not np.array_equal(first, second)
    assert not np.array_equal(init((4, 3)), init((4, 3)))
    assert init((4, 3)).dtype == np.float32


@every_initializer
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0), [2, 3], (np.int8(2), 3)])
def test_sizes(init, shape):
    assert init(shape, rng=0).shape == tuple(shape)


@every_initializer
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"shape": (3,)},
            ValueError,
            r"shape must be \(inputs, outputs\) or .*, not \(3,\)",
        ),
        ({"shape": 3}, ValueError, r"shape must be \(inputs, outputs\) or .*, not 3"),
        (
            {"shape": (1, 2, 3)},
            ValueError,
            r"shape must be \(inputs, outputs\) or .*, not \(1, 2, 3\)",
        ),
        ({"shape": (-1, 2)}, ValueError, "inputs must be 0 or more, not -1"),
        ({"shape": (2, 1.5)}, TypeError, "outputs must be an integer, not float"),
        ({"shape": (2, 3, 5, -1)}, ValueError, "width must be 0 or more, not -1"),
        ({"shape": (2, 3), "dtype": int}, TypeError, "dtype must be a floating one, not int64"),
        ({"shape": (2, 3), "dtype": complex}, TypeError, "dtype must be a floating one, not complex128"),
        ({"shape": (2, 3), "rng": -1}, ValueError, "non-negative"),
    ],
)
def test_what_they_refuse(init, arguments, error, message):
    with pytest.raises(error, match=message):
        init(**arguments)


# Layers


def sizes_of(kind):
    return [SIZES[letter] for letter in re.findall("[A-Z]+", kind._initializer)]


def from_sizes(kind, *given, **options):
    """Run the code that the constructor shows when it is given sizes."""
    with pytest.raises(TypeError) as raised:
        kind(*given, **options)
    refused, _, code = str(raised.value).partition(": write ")
    assert refused == f"{kind.param_names[0]} must be an array, not {given[0]!r}"
    assert code.startswith(f"fl.{kind.__name__}(*fl.initializers.")
    return eval(code, {"fl": fl, "corpus": np.arange(SIZES["V"]), **SIZES})


@pytest.mark.parametrize("owner", [fl, fl.reference], ids=["fastlayers", "reference"])
@pytest.mark.parametrize("name", WITH_PARAMETERS)
def test_a_layer_that_is_given_sizes_shows_how_it_is_made(owner, name):
    kind, expected = getattr(owner, name), LAYER[name].make()
    for given in (sizes_of(kind), [5], [None], ["W"], [2.5]):
        made = from_sizes(kind, *given)
        assert [param.shape for param in made.params] == [param.shape for param in expected.params]
        assert {param.dtype for param in made.params} == {np.dtype(np.float32)}
    for given in ({kind.param_names[0]: 5}, {kind.param_names[0]: np.array(5)}):
        with pytest.raises(TypeError, match=r" must be an array, not .*: write fl"):
            kind(**given)


def test_the_other_arguments_stay_where_they_are():
    layer = from_sizes(fl.Convolution, 1, 4, 3, 2, 1)
    assert (layer.W.shape, layer.stride, layer.pad) == ((4, 1, 3, 3), 2, 1)
    layer = from_sizes(fl.Convolution, 1, 4, (3, 3), bias=False, dtype="float64", padding=1)
    assert (layer.W.shape, layer.W.dtype, layer.b, layer.pad) == ((4, 1, 3, 3), np.float64, None, 1)
    with pytest.raises(TypeError, match=r"write fl\.TimeLSTM\(\*fl\.initializers\.lstm\(4, 3\), stateful=True\)$"):
        fl.TimeLSTM(4, 3, stateful=True)

    assert fl.Affine([[1, 2], [3, 4]], [5, 6]).forward([1, 0]).tolist() == [6, 8]

    class Own(fl.Affine):
        def __init__(self, *sizes):
            super().__init__(*initializers.affine(*sizes) if len(sizes) == 2 else sizes)

    assert Own(3, 2).W.shape == (3, 2)
    with pytest.raises(TypeError, match=r"not 3: write fl\.Affine\(\*fl\.initializers\.affine\(D, M\)\)$"):
        Own(3)


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("name", WITH_PARAMETERS)
def test_a_new_layer_takes_a_training_step(name):
    layer = from_sizes(getattr(fl, name), *sizes_of(getattr(fl, name)))
    before = [param.copy() for param in layer.params]
    y = layer.forward(*LAYER[name].inputs(Arrays(np.float32)))
    layer.backward(*[np.array(each) for each in (y if isinstance(y, tuple) else (y,))])
    fl.SGD(0.1).update(layer.params, layer.grads)
    for param, old in zip(layer.params, before, strict=True):
        assert param.dtype == np.float32
        assert np.isfinite(param).all()
        assert (param != old).any()


@pytest.mark.parametrize("dtype", kit.FLOATS)
@pytest.mark.parametrize("name", sorted({getattr(fl, name)._initializer.partition("(")[0] for name in WITH_PARAMETERS}))
def test_parameters_of_a_seed(name, dtype):
    init, sizes = getattr(initializers, name), (2, 3, 5)
    sizes = sizes[: sum(p.default is p.empty for p in inspect.signature(init).parameters.values())]
    exact = init(*sizes, rng=5, dtype=np.float64)
    for found in (init(*sizes, rng=5, dtype=dtype), init(*sizes, rng=np.random.default_rng(5), dtype=dtype)):
        for param, expected in zip(found, exact, strict=True):
            kit.assert_same(param, expected.astype(dtype))
    with pytest.raises(TypeError, match="must be an integer, not float"):
        init(*sizes[:-1], 1.5)
    with pytest.raises(ValueError, match="must be 0 or more, not -1"):
        init(-1, *sizes[1:])
    with pytest.raises(TypeError, match="dtype must be a floating one, not int64"):
        init(*sizes, dtype=int)
    assert all(0 in param.shape for param in init(*[0] * len(sizes)))


def test_deviations_of_the_books():
    (W,) = initializers.embedding(300, 100, rng=0)
    assert W.std() == pytest.approx(0.01, rel=0.02)
    for init, gates in ((initializers.rnn, 1), (initializers.gru, 3), (initializers.lstm, 4)):
        Wx, Wh, b = init(100, 400, rng=0)
        assert (Wx.shape, Wh.shape, b.shape) == ((100, gates * 400), (400, gates * 400), (gates * 400,))
        assert Wx.std() == pytest.approx(1 / 10, rel=0.02)
        assert Wh.std() == pytest.approx(1 / 20, rel=0.02)
        assert not b.any()
    one, other = np.split(np.array(initializers.bi_lstm(1, 1, rng=0)[0::3]), 2)
    assert (one != other).all()


@pytest.mark.parametrize("dtype", kit.FAST)
def test_affine(dtype):
    W, b = affine(6, 4, init=xavier_normal, rng=2, dtype=dtype)
    kit.assert_same(W, xavier_normal((6, 4), rng=2, dtype=dtype))
    kit.assert_same(b, np.zeros(4, dtype))
    layer = fl.Affine(*affine(6, 4, bias=False, rng=2, dtype=dtype))
    kit.assert_same(layer.W, he_normal((6, 4), rng=2, dtype=dtype))
    assert layer.b is None


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((6.0, 4), TypeError, "inputs must be an integer, not float"),
        ((6, -4), ValueError, "outputs must be 0 or more, not -4"),
    ],
)
def test_what_affine_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        affine(*arguments)
    with pytest.raises(TypeError, match="bias must be True or False, not int 1"):
        affine(2, 3, bias=1)


@pytest.mark.parametrize("dtype", kit.FAST)
def test_convolution(dtype):
    W, b = convolution(6, 4, (3, 5), groups=2, init=xavier_normal, rng=2, dtype=dtype)
    kit.assert_same(W, xavier_normal((4, 3, 3, 5), rng=2, dtype=dtype))
    kit.assert_same(b, np.zeros(4, dtype))
    W, b = convolution(6, 4, 3, bias=False)
    assert W.shape == (4, 6, 3, 3)
    assert b is None


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((6.0, 4, 3), TypeError, "channels must be an integer, not float"),
        ((6, -4, 3), ValueError, "filters must be 0 or more, not -4"),
        ((6, 4, (3,)), TypeError, "height must be an integer, not tuple"),
        ((6, 4, 3, 4), ValueError, "groups must divide channels and filters, not be 4 for 6 and 4"),
        ((6, 4, 3, 0), ValueError, "groups must be 1 or more, not 0"),
    ],
)
def test_what_convolution_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        convolution(*arguments[:3], **({"groups": arguments[3]} if len(arguments) > 3 else {}))


def test_a_signal_keeps_its_size_through_ten_layers():
    """Behind ReLU with He's weights; with Xavier's it loses half of its variance in each."""
    rng = np.random.default_rng(0)
    sizes = {}
    for init in (he_normal, he_uniform, xavier_normal):
        x = rng.standard_normal((200, 256))
        for _ in range(10):
            x = fl.relu(x @ init((256, 256), rng=rng, dtype=np.float64))
        sizes[init] = float(np.mean(x * x))
    assert 0.5 < sizes[he_normal] < 2
    assert 0.5 < sizes[he_uniform] < 2
    assert sizes[xavier_normal] < 0.01
