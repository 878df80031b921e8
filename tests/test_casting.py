"""A network takes its input in the dtype of its parameters; operands of several dtypes are promoted, compiled too."""

import itertools

import families
import kit
import numpy as np
import pytest

import fastlayers as fl

OVERFLOWS = float(np.finfo(np.float32).max) + 2.0**103  # halfway to the number that would come next: it rounds to inf


def network(dtype=np.float32, first=()):
    rng = np.random.default_rng(0)
    W1, W2 = (rng.standard_normal(shape).astype(dtype) for shape in ((4, 6), (6, 3)))
    layers = [*first, fl.Affine(W1, W1[0].repeat(2)[:6].copy()), fl.Relu(), fl.Affine(W2)]
    return fl.Sequential(layers, fl.SoftmaxWithLoss())


# The kernel


@pytest.mark.parametrize("dtype", kit.REAL)
@pytest.mark.parametrize("to", kit.FAST)
def test_every_dtype_is_cast_as_numpy_does(level, dtype, to):
    if dtype is np.longdouble:
        assert level.cast_like(np.ones(3, dtype), np.ones(1, to)) is NotImplemented
        return
    arrays = [kit.numbers((n,), dtype) for n in kit.SIZES]
    if dtype is np.float16:
        arrays.append(np.arange(2**16, dtype=np.uint16).view(np.float16))
    elif np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        arrays.append(np.arange(-70, 70).astype(dtype))
        arrays.append(np.array([info.min, info.min + 1, info.max - 1, info.max] * 20, dtype))
    elif np.dtype(dtype).kind == "f":
        arrays.append(kit.specials(dtype)[np.abs(kit.specials(dtype)) != np.finfo(np.float64).max])
    for x in arrays:
        got = level.cast_like(x, np.ones(1, to))
        assert got.dtype == to
        np.testing.assert_array_equal(got, x.astype(to))
        np.testing.assert_array_equal(np.signbit(got), np.signbit(x.astype(to)))
        assert (got is x) == (dtype is to)


def test_a_cast_keeps_the_layout_and_declines_what_is_not_plain(level):
    x, like = kit.numbers((5, 3), np.float64), np.ones(1, np.float32)
    assert level.cast_like(np.asfortranarray(x), like).flags.f_contiguous
    assert level.cast_like(x.reshape(5, 3, 1), like).shape == (5, 3, 1)
    for odd in (x[:, ::2], kit.LAYOUTS["byte-swapped"](x), kit.LAYOUTS["subclass"](x), x * 1j, [1.0], None):
        assert level.cast_like(odd, like) is NotImplemented
    assert level.cast_like(x, np.ones(1, np.float16)) is NotImplemented


@pytest.mark.parametrize("size", [1, 31, 32, 33, 600, 700_000])
def test_what_would_become_infinite_is_declined_wherever_it_stands(level, size):
    like = np.ones(1, np.float32)
    x = np.full(size, np.nextafter(OVERFLOWS, 0))
    assert np.isfinite(level.cast_like(x, like)).all()
    for place, number in itertools.product({0, size // 2, size - 1}, (OVERFLOWS, -OVERFLOWS, np.finfo(float).max)):
        x = np.zeros(size)
        x[-1] = np.inf if place != size - 1 else 0  # what is infinite already may be
        x[0] = np.nan if place else 0
        assert level.cast_like(x, like) is not NotImplemented
        x[place] = number
        assert level.cast_like(x, like) is NotImplemented


# A network


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("first", [(), (fl.Relu(),)], ids=["affine first", "activation first"])
@pytest.mark.parametrize("to", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, np.uint8, np.int64, np.bool_])
def test_a_network_has_the_dtype_of_its_parameters(dtype, to, first):
    x, t = kit.numbers((7, 4), dtype), np.arange(7) % 3
    for given in (x, np.asfortranarray(x), kit.LAYOUTS["byte-swapped"](x), kit.LAYOUTS["every second"](x), x.tolist()):
        ours, cast = network(to, first), network(to, first)
        y = ours.predict(given)
        assert y.dtype == to
        np.testing.assert_array_equal(y, cast.predict(x.astype(to)))
        assert ours.loss(given, t) == cast.loss(x.astype(to), t)
        assert ours.train_step(given, t, fl.SGD()) == cast.train_step(x.astype(to), t, fl.SGD())
        for one, other in zip(ours.params, cast.params, strict=True):
            np.testing.assert_array_equal(one, other)
    assert network(to, first).predict(x[0]).dtype == to


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("side_by_side", [False, True])
@pytest.mark.parametrize("to", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, np.int64])
def test_a_gradient_is_cast_to_the_dtype_of_the_parameters(dtype, to, side_by_side):
    ours, cast = network(to), network(to)
    if side_by_side:
        ours, cast = fl.Parallel([ours]), fl.Parallel([cast])
    x, dout = kit.numbers((7, 4), to), kit.numbers((7, 3), dtype)
    ours.forward(x)
    cast.forward(x)
    dx = cast.backward(dout.astype(to))
    for given in (dout, kit.LAYOUTS["byte-swapped"](dout), dout.tolist()):
        kit.assert_same(ours.backward(given), dx)
        for one, other in zip(ours.grads, cast.grads, strict=True):
            kit.assert_same(one, other)
    assert ours.backward(dout, need_dx=False) is None
    if to != np.float64:
        with pytest.raises(ValueError, match=r"^dout\[0, 1\] is 1e\+39, which is beyond"):
            ours.backward(np.full((7, 3), [0, 1e39, 0]))


@pytest.mark.usefixtures("implementation")
def test_a_users_last_layer_gets_the_gradient_that_was_given():
    own, dout = Recording(), kit.numbers((5, 3), np.float64)
    net = fl.Sequential([*network().layers, own])
    net.forward(kit.numbers((5, 4), np.float32))
    own.backward = lambda given: vars(own).update(given=given) or np.float32(given)
    net.backward(dout)
    assert own.given is dout


def test_parameters_of_several_dtypes_are_named_when_a_network_is_made():
    normalization, (first, *rest) = fl.BatchNormalization(np.ones(6), np.zeros(6)), network().layers
    message = r"^layer 1(\.0)?, BatchNormalization, has gamma of float64, but layer 0, Affine, has W of float32: "
    for make in (
        lambda: fl.Sequential([first, normalization, *rest]),
        lambda: fl.Sequential([first, fl.Sequential([normalization]), *rest]),
        lambda: fl.Parallel([first, normalization]),
    ):
        with pytest.warns(UserWarning, match=message) as caught:
            make()
        assert [warning.filename for warning in caught] == [__file__]
    with pytest.warns(UserWarning, match="layer 1, BatchNormalization") as caught:
        fl.Sequential([fl.Sequential([first, normalization]), *rest])
    assert len(caught) == 1
    with pytest.warns(UserWarning, match="layer 0, Affine, has b of float64, but layer 0, Affine, has W"):
        fl.Sequential([fl.Affine(np.ones((4, 3), np.float32), np.zeros(3))])


@pytest.mark.usefixtures("implementation")
def test_what_is_beyond_the_parameters_dtype_is_refused_with_nothing_changed():
    net, x, t = network(), np.zeros((5, 4)), np.arange(5) % 3
    before = [param.copy() for param in net.params]
    x[3, 1] = -1e39
    for call in (
        lambda: net.predict(x),
        lambda: net.predict(x[:, ::-1][:, ::-1]),
        lambda: net.train_step(x, t, fl.SGD()),
    ):
        with pytest.raises(ValueError, match=r"^x\[3, 1\] is -1e\+39, which is beyond float32, the dtype of the param"):
            call()
    assert net.layers[0].x is None
    assert all(np.array_equal(a, b) for a, b in zip(before, net.params, strict=True))
    x[3, 1] = np.inf
    with np.errstate(invalid="ignore"):
        assert not np.isfinite(net.predict(x)[3]).all()
    with pytest.raises(TypeError, match="x must hold real numbers, not complex128"):
        net.predict(np.zeros((5, 4), complex))
    with pytest.raises(ValueError, match="x has masked entries"):
        net.predict(np.ma.masked_less(np.ones((2, 4)), 2))


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.uint8])
def test_a_fit_is_that_of_data_in_the_parameters_dtype(dtype):
    x, t, ours, cast = kit.numbers((70, 4), dtype), np.arange(70) % 3, network(), network()
    options = {"epochs": 2, "optimizer": fl.SGD(), "rng": 0}
    one = ours.fit(x, t, validation_data=(x, t), **options)
    other = cast.fit(x.astype(np.float32), t, validation_data=(x.astype(np.float32), t), **options)
    assert one.loss == other.loss
    assert one.validation_loss == other.validation_loss


def test_a_fit_tells_where_all_of_the_data_are_beyond_it():
    net, x, t = network(), np.zeros((2000, 4)), np.arange(2000) % 3
    x[1500, 2] = 1e39
    with pytest.raises(ValueError, match=r"^x\[1500, 2\] is 1e\+39, which is beyond float32"):
        net.fit(x, t)
    with pytest.raises(ValueError, match=r"^validation x\[1500, 2\] is 1e\+39, which is beyond float32"):
        net.fit(x[:9], t[:9], validation_data=(x, t))
    assert net.history is None


class Recording:
    """A user's own layer."""

    def forward(self, x):
        self.given = x
        return np.asarray(x, np.float32)

    def backward(self, dout):
        return dout


class Derived(fl.Relu):
    """A user's, derived from the package's."""


@pytest.mark.usefixtures("implementation")
def test_a_users_first_layer_gets_what_was_given():
    x = kit.numbers((5, 4), np.int64)
    own = Recording()
    network(first=[own]).predict(x)
    assert own.given is x
    assert network(first=[Derived()]).predict(kit.numbers((5, 4), np.float64)).dtype == np.float64
    assert network(first=[fl.Relu(), own]).predict(x).dtype == np.float32
    assert own.given.dtype == np.float32


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("which", ["W", "b"])
def test_parameters_of_several_dtypes_are_promoted(which):
    net, x = network(), kit.numbers((5, 4), np.float32)
    setattr(net.layers[0], which, getattr(net.layers[0], which).astype(np.float64))
    assert net.predict(x).dtype == np.float64
    assert net.predict(x.astype(np.float16)).dtype == np.float64
    np.testing.assert_allclose(net.predict(x), network(np.float64).predict(x), rtol=1e-5)
    assert fl.Sequential([fl.Relu()], fl.SoftmaxWithLoss()).predict(x.astype(int)).dtype == int  # and none cast nothing


# Operands


@pytest.mark.parametrize("others", [np.float16, np.float64, np.int16, np.int32, np.int64, np.uint8, np.bool_])
@pytest.mark.parametrize("name", ["affine_forward", "affine_backward", "sigmoid_backward", "tanh_backward"])
def test_a_kernel_promotes_its_operands_as_numpy_does(level, name, others):
    args = families.common_call(name, np.float32)
    for which in range(len(args)):
        mixed = [a.astype(others) if i == which else a for i, a in enumerate(args)]
        got, true = getattr(level, name)(*mixed), kit.reference(name, *mixed)
        if got is NotImplemented:  # the results are of several dtypes, since dout is of the narrower
            assert name == "affine_backward"
            assert len({a.dtype for a in true}) == 2 or true[0].dtype != mixed[0].dtype
            continue
        for a, b in zip(kit.flat(got), kit.flat(true), strict=True):
            assert a.dtype == b.dtype
            # Of a product of numbers of either sign what is left may be far smaller than they are.
            np.testing.assert_allclose(a, b, rtol=2e-6, atol=2e-6 * np.abs(b).max(initial=1))


@pytest.mark.parametrize("others", [np.float16, np.float64, np.int64, np.bool_])
@pytest.mark.parametrize("name", ["softmax_cross_entropy", "mean_squared_error", "huber_loss", "sigmoid_cross_entropy"])
def test_a_loss_takes_targets_and_weights_of_any_dtype(level, name, others):
    x = kit.numbers((6, 5), np.float32)
    t = (np.arange(30).reshape(6, 5) % 4 / 4).astype(others)
    options = {"sample_weight": np.arange(1, 7).astype(others)}
    if name == "softmax_cross_entropy":
        options["weight"] = np.arange(1, 6).astype(others)
    got, true = getattr(level, name)(x, t, **options), kit.reference(name, x, t, **options)
    assert got is not NotImplemented
    assert got[0] == pytest.approx(true[0], rel=2e-6)
    assert got[1].dtype == np.float32
    np.testing.assert_allclose(got[1], true[1], rtol=2e-6, atol=1e-7)


def test_a_loss_declines_targets_that_would_be_others(level):
    """For the rules to refuse them, or NumPy to warn: as they were given, they are no probability, or no float32."""
    x = kit.numbers((6, 5), np.float32)
    t = np.zeros((6, 5))
    t[5, 4] = np.nextafter(1, 2)
    assert level.sigmoid_cross_entropy(x, t) is NotImplemented
    t[5, 4] = 1e39
    assert level.mean_squared_error(x, t) is NotImplemented
    assert level.softmax_cross_entropy(x, t) is NotImplemented


@pytest.mark.parametrize("name", families.UPDATES)
def test_an_optimizer_takes_gradients_of_another_dtype(level, name):
    factors = families.UPDATES[name]
    for others in (np.float16, np.float64, np.int64):
        lists, expected = (families.update_call(name, np.float32)[: -len(factors)] for _ in range(2))
        grads = [(2 * grad).astype(others) for grad in lists[1]]
        assert getattr(level, name)(lists[0], grads, *lists[2:], *factors) is None
        kit.formula(name)(expected[0], [grad.astype(np.float32) for grad in grads], *expected[2:], *factors)
        for ours, true in zip(itertools.chain(*lists), itertools.chain(*expected), strict=True):
            np.testing.assert_allclose(ours, true, rtol=2e-6, atol=1e-6)
    grads[0] = np.full(grads[0].shape, 1e39)
    before = [param.copy() for param in lists[0]]
    assert getattr(level, name)(lists[0], grads, *lists[2:], *factors) is NotImplemented
    assert all(np.array_equal(a, b) for a, b in zip(before, lists[0], strict=True))
