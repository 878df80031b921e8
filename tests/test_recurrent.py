"""Recurrent layers: their gradients, their state, what they refuse; on both paths."""

import copy
import pickle

import kit
import numpy as np
import pytest

import fastlayers as fl

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
KINDS = pytest.mark.parametrize("name", GATES)
N, T, D, H = 3, 4, 5, 6
XS, DHS = kit.numbers((N, T, D), np.float64), kit.numbers((N, T, H), np.float64, 1)


def parameters(name, seed=2, dtype=np.float64):
    gates = GATES[name]
    shapes = (D, gates * H), (H, gates * H), (gates * H,)
    return [(kit.numbers(shape, np.float64, seed + i) / 3).astype(dtype) for i, shape in enumerate(shapes)]


def layer(name, owner=fl, **options):
    return getattr(owner, f"Time{name}")(*parameters(name), **options)


@pytest.mark.usefixtures("implementation")
@KINDS
def test_gradients_of_all_steps(name):
    assert fl.testing.check_gradients(layer(name), XS) < 1e-6


@pytest.mark.usefixtures("implementation")
def test_gradients_both_ways():
    both = fl.TimeBiLSTM(*parameters("LSTM"), *parameters("LSTM", 5))
    assert fl.testing.check_gradients(both, XS) < 1e-6
    one, other = fl.TimeLSTM(*both.params[:3]), fl.TimeLSTM(*both.params[3:])
    np.testing.assert_array_equal(both.forward(XS)[:, :, :H], one.forward(XS))
    np.testing.assert_array_equal(both.predict(XS)[:, :, H:], other.predict(XS[:, ::-1].copy())[:, ::-1])


@pytest.mark.usefixtures("implementation")
@KINDS
def test_the_gradient_of_the_state_that_it_began_with(name):
    """By differences: of h, and of an LSTM's c, which is left where h alone is set."""
    stateful = layer(name, stateful=True)
    states = [kit.numbers((N, H), np.float64, 8 + i) for i in range(2 if name == "LSTM" else 1)]

    def total(state, i):
        stateful.set_state(*[state if j == i else other for j, other in enumerate(states)])
        return float(np.sum(stateful.forward(XS) * DHS))

    for i, gradient in enumerate(("dh", "dc")[: len(states)]):
        total(states[i], i)
        stateful.backward(DHS)
        expected = fl.testing.numerical_gradient(lambda state, i=i: total(state, i), states[i].copy())
        np.testing.assert_allclose(getattr(stateful, gradient), expected, atol=1e-6)


@pytest.mark.usefixtures("implementation")
@KINDS
@pytest.mark.parametrize("dtype", kit.FAST)
def test_a_cell_goes_step_by_step_where_the_layer_goes_at_once(name, dtype):
    """Both ways: hence dWx, dWh and db are the sums of those of the steps."""
    kind, params, xs, dhs = getattr(fl, name), parameters(name, dtype=dtype), XS.astype(dtype), DHS.astype(dtype)
    whole, cells, state = (
        getattr(fl, f"Time{name}")(*params),
        [kind(*params) for _ in range(T)],
        [np.zeros((N, H), dtype)],
    )
    state *= 2 if name == "LSTM" else 1
    hs, close = (
        whole.forward(xs),
        {"rtol": 2e-6 if dtype == np.float32 else 1e-13, "atol": 2e-6 * (dtype == np.float32)},
    )
    for t, cell in enumerate(cells):
        h = cell.forward(xs[:, t], *state)
        state = [*h] if name == "LSTM" else [h]
        np.testing.assert_allclose(state[0], hs[:, t], **close)
        assert cell.cache[0].shape == (N, D)
    kit.assert_same(whole.h, hs[:, -1].copy())
    dxs, grads = whole.backward(dhs), [0, 0, 0]
    last = [np.zeros((N, H), dtype)] * len(state)
    for t in reversed(range(T)):
        last[0] = last[0] + dhs[:, t]
        dx, *last = cells[t].backward(*last)
        np.testing.assert_allclose(dx, dxs[:, t], rtol=1e-4 if dtype == np.float32 else 1e-12, atol=close["atol"])
        grads = [total + grad for total, grad in zip(grads, cells[t].grads, strict=True)]
    for total, grad in zip(grads, whole.grads, strict=True):
        np.testing.assert_allclose(total, grad, rtol=1e-4 if dtype == np.float32 else 1e-12, atol=20 * close["atol"])
    np.testing.assert_allclose(last[0], whole.dh, rtol=1e-4 if dtype == np.float32 else 1e-12, atol=close["atol"])


@pytest.mark.usefixtures("implementation")
@KINDS
def test_pieces_of_a_text_are_the_text_where_the_layer_keeps_its_state(name):
    whole, pieces, other = layer(name), layer(name, stateful=True), layer(name)
    hs = whole.forward(XS)
    handed_out = []
    for t in range(T):
        np.testing.assert_allclose(pieces.forward(XS[:, t : t + 1])[:, 0], hs[:, t], rtol=1e-12)
        other.forward(XS[:, t : t + 1])
        handed_out.append((pieces.h, pieces.h.copy()))
    for h, as_it_was in handed_out:  # what was handed out is never overwritten
        np.testing.assert_array_equal(h, as_it_was)
    np.testing.assert_array_equal(other.h, layer(name).forward(XS[:, -1:])[:, 0])  # which began with 0
    for again in (copy.deepcopy(pieces), pickle.loads(pickle.dumps(pieces))):
        np.testing.assert_array_equal(again.predict(XS), copy.deepcopy(pieces).predict(XS))
        kit.assert_same(again.backward(DHS[:, :1]), pieces.backward(DHS[:, :1]))
    pieces.reset_state()
    assert pieces.h is None
    np.testing.assert_allclose(pieces.predict(XS[:, :2]), hs[:, :2], rtol=1e-12)
    np.testing.assert_allclose(pieces.predict(XS[:, 2:]), hs[:, 2:], rtol=1e-12)  # prediction moves it on
    whole.predict(XS[:2])
    assert len(whole.h) == N  # but keeps nothing of a layer that is not stateful


@pytest.mark.usefixtures("implementation")
@KINDS
def test_a_second_backward_equals_the_first(name):
    one = layer(name)
    one.forward(XS)
    first = one.backward(DHS)
    kept = [first.copy(), *(grad.copy() for grad in one.grads)]
    one.backward(2 * DHS)
    for a, b in zip([one.backward(DHS), *one.grads], kept, strict=True):
        kit.assert_same(a, b)
    kit.assert_same(first, kept[0])
    assert one.backward(DHS, need_dx=False) is None


@pytest.mark.usefixtures("implementation")
@KINDS
def test_no_step_and_no_sequence(name):
    one = layer(name, stateful=True)
    one.set_state(kit.numbers((N, H), np.float64, 9))
    h = one.h
    assert one.forward(XS[:, :0]).shape == (N, 0, H)
    assert one.h is h
    assert one.backward(DHS[:, :0]).shape == (N, 0, D)
    assert not any(grad.any() for grad in one.grads)
    one.reset_state()
    assert one.forward(XS[:0]).shape == (0, T, H)
    assert one.backward(DHS[:0]).shape == (0, T, D)
    assert not any(grad.any() for grad in one.grads)


@pytest.mark.usefixtures("implementation")
@KINDS
@pytest.mark.parametrize("dtype", kit.FAST)
def test_huge_inputs_stay_finite_without_a_warning(name, dtype):
    one = getattr(fl, f"Time{name}")(*parameters(name, dtype=dtype))
    huge = np.finfo(dtype).max / 100
    with np.errstate(all="raise"):
        hs = one.forward(np.sign(XS).astype(dtype) * huge)
        dxs = one.backward(DHS.astype(dtype))
    assert hs.dtype == dxs.dtype == dtype
    assert np.isfinite(hs).all()
    assert np.isfinite(dxs).all()
    assert np.abs(hs).max() <= 1


@KINDS
def test_what_does_not_fit_is_refused(name):
    gates = GATES[name]
    Wx, Wh, b = parameters(name)
    kind, cell = getattr(fl, f"Time{name}"), getattr(fl, name)(Wx, Wh, b)
    width = "H" if gates == 1 else rf"{gates} H"
    for wrong in ((Wx[:, 1:], Wh, b), (Wx, Wh[1:], b), (Wx, Wh, b[1:]), (Wx[0], Wh, b)):
        with pytest.raises(ValueError, match=rf"they must have shapes \(D, {width}\), \(H, {width}\) and \({width},\)"):
            kind(*wrong)
    with pytest.raises(TypeError, match="stateful must be"):
        kind(Wx, Wh, b, stateful=1)
    one = kind(Wx, Wh, b, stateful=True)
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        one.backward(DHS)
    with pytest.raises(ValueError, match=r"xs must have shape \(N, T, 5\), not \(3, 5\)"):
        one.forward(XS[:, 0])
    with pytest.raises(ValueError, match=r"x of shape \(3, 4, 4\) does not fit Wx"):
        one.forward(XS[:, :, :4])
    with pytest.raises(TypeError, match="x must hold real numbers"):
        one.forward(XS * 1j)
    one.forward(XS)
    with pytest.raises(
        ValueError, match=r"h of shape \(3, 6\) .* call reset_state\(\) first, or set_state\(\) .* \(2, 6\)"
    ):
        one.forward(XS[:2])
    with pytest.raises(ValueError, match=r"dhs of shape \(3, 3, 6\) does not fit"):
        one.backward(DHS[:, 1:])
    with pytest.raises(ValueError, match=r"x must have shape \(N, 5\)"):
        cell.forward(XS, *[np.zeros((N, H))] * (2 if name == "LSTM" else 1))
    with pytest.raises(ValueError, match=r"h of shape \(2, 6\) does not fit x of shape \(3, 5\)"):
        cell.forward(XS[:, 0], *[np.zeros((2, H))] * (2 if name == "LSTM" else 1))


@KINDS
def test_a_kernel_takes_no_array_for_a_result(level, name):
    """In a layer, results go to memory that is its own; an array in its place is no such thing."""
    given = [XS, *parameters(name), np.zeros((N, H)), np.zeros((N, H)) if name == "LSTM" else None]
    hs, cs, kept = level.recurrent_forward(*given)
    x, Wx, Wh, _, h, c = given
    for out in (np.empty((N, T, H)), "memory"):
        assert level.recurrent_forward(*given, None, (out, None, None)) is NotImplemented
        back = (DHS, None, x, Wx, Wh, h, c, hs, cs, kept, True, None)
        assert level.recurrent_backward(*back, (None,) * 6 + (out,)) is NotImplemented


def test_in_a_network_it_has_its_place_in_the_one_call():
    layers = [layer("LSTM"), fl.TimeAffine(kit.numbers((H, 2), np.float64), np.zeros(2)), fl.Flatten()]
    net = fl.Sequential(layers, fl.MeanSquaredError())
    t = kit.numbers((N, 2 * T), np.float64, 5)
    assert net.compiled or fl.get_backend() == "reference"
    losses = [net.train_step(XS, t, fl.Adam(0.05)) for _ in range(60)]
    assert losses[-1] < losses[0] / 2
    table = net.summary((T, D))
    assert [row.output_shape for row in table.layers] == [(T, H), (T, 2), (2 * T,)]
    assert table.layers[0].flops == T * (2 * 4 * H * (D + H) + 9 * H)
