"""The mathematics of every layer, in NumPy, plain enough to teach from.

Nothing is checked here: each function is given what ``_contract`` has made sure of, which is exact
``ndarray`` objects of real numbers, in native byte order, aligned, contiguous, of shapes that fit.
Where the plain formula loses digits or warns, the safe one stands beside its reason; the compiled
kernels compute these same formulas, so the two paths can be held against each other.

The names are those of "Deep Learning from Scratch" (Saitoh, O'Reilly Japan 2016): ``x`` the input,
``t`` the target, ``y`` the output, ``dout`` the gradient of the loss with respect to the output,
``dx``, ``dW`` and ``db`` its gradients with respect to the input, the weights and the bias.
N is the batch size, D the number of inputs, M the number of outputs, C the number of classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# The notebook's guard against log(0).
LOG_GUARD = 1e-7


def cast_like(x: Array, like: Array) -> Array:
    """The numbers of x in the dtype of `like`; what is beyond its range becomes infinite."""
    with np.errstate(over="ignore"):
        return x.astype(like.dtype, copy=False)


def relu(x: Array) -> Array:
    """``y = max(x, 0)`` without the mask, for prediction; else as `relu_forward`."""
    y, _ = relu_forward(x)
    return y


def relu_forward(x: Array) -> tuple[Array, Array]:
    """``y = max(x, 0)``, and the mask ``x <= 0`` that backward needs; any shape, any real dtype.

    A NaN is not ``<= 0``, so it passes through, as it should: hiding it would hide a fault.
    Source: Saitoh, section 5.5.1.
    """
    mask = x <= 0
    y = x.copy(order="K")
    y[mask] = 0
    return y, mask


def relu_backward(dout: Array, mask: Array) -> Array:
    """``dx = dout`` where ``x > 0``, else 0: the slope of ReLU is 1 or 0; both of one shape.

    Source: Saitoh, section 5.5.1, but on a copy: the notebook overwrites ``dout``.
    """
    dx = dout.copy(order="K")
    dx[mask] = 0
    return dx


def leaky_relu_forward(x: Array, negative_slope: float) -> tuple[Array, Array]:
    """``y = x`` where ``x > 0``, else ``negative_slope * x``; and the mask ``x <= 0``; a floating dtype.

    Source: Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", ICML 2013.
    """
    mask = x <= 0
    with np.errstate(all="ignore"):
        y: Array = np.where(mask, negative_slope * x, x)
    return y, mask


def leaky_relu_backward(dout: Array, mask: Array, negative_slope: float) -> Array:
    """``dx = dout`` where ``x > 0``, else ``negative_slope * dout``; both of one shape."""
    with np.errstate(all="ignore"):
        dx: Array = np.where(mask, negative_slope * dout, dout)
    return dx


def dropout_forward(x: Array, draws: Array, p: float) -> tuple[Array, Array]:
    """``y = x / (1 - p)`` where ``draws >= p``, else 0, and that mask; of one shape, x of a floating dtype.

    A value is dropped with probability p. Scaling those that are kept leaves the expected value of each
    as it was, so that for prediction nothing is to be done.
    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15 (2014).
    """
    mask = draws >= p
    return dropout_backward(x, mask, p), mask


def dropout_backward(dout: Array, mask: Array, p: float) -> Array:
    """``dx = dout / (1 - p)`` where mask, else 0: the slope is that of forward."""
    scale = 1 / (1 - p) if p < 1 else 0.0
    with np.errstate(all="ignore"):
        dx: Array = np.where(mask, dout * scale, dout.dtype.type(0))
    return dx


def sigmoid_forward(x: Array) -> Array:
    """``y = 1 / (1 + exp(-x))``; any shape, a floating dtype.

    For negative x the same value is ``exp(x) / (1 + exp(x))``. Choosing by sign keeps the argument
    of ``exp`` at or below 0, where it cannot overflow. Source: Saitoh, section 5.5.2.
    """
    with np.errstate(all="ignore"):
        e = np.exp(-np.abs(x))
        y: Array = np.where(x >= 0, e.dtype.type(1), e) / (1 + e)
    return y


def sigmoid_backward(dout: Array, y: Array) -> Array:
    """``dx = dout * y * (1 - y)``, since the slope ``exp(-x) / (1 + exp(-x))**2`` is ``y (1 - y)``.

    Both of one shape and dtype. Source: Saitoh, section 5.5.2.
    """
    with np.errstate(all="ignore"):
        dx: Array = dout * y * (1 - y)
    return dx


def tanh_forward(x: Array) -> Array:
    """``y = (exp(x) - exp(-x)) / (exp(x) + exp(-x))``; any shape, a floating dtype."""
    with np.errstate(all="ignore"):
        y: Array = np.tanh(x)
    return y


def tanh_backward(dout: Array, y: Array) -> Array:
    """``dx = dout * (1 - y**2)``, both of one shape and dtype.

    In two factors, ``(1 - y) (1 + y)``: ``y**2`` rounds, and near 1 that rounding would be all that is left.
    """
    with np.errstate(all="ignore"):
        dx: Array = dout * ((1 - y) * (1 + y))
    return dx


def affine_forward(x: Array, W: Array, b: Array | None) -> Array:
    """``y = x W + b``: x ``(N, D)`` or ``(D,)``, W ``(D, M)``, b ``(M,)`` or None, y ``(N, M)`` or ``(M,)``.

    The bias is the one thing that broadcasts: each row of the batch gets the same.
    Source: Saitoh, section 5.6.2.
    """
    y: Array = np.dot(x, W)
    if b is None:
        return y
    with np.errstate(all="ignore"):
        return y + b


def affine_backward(dout: Array, x: Array, W: Array, need_dx: bool) -> tuple[Array | None, Array, Array]:
    """``dx = dout W^T``, ``dW = x^T dout``, ``db = sum of dout over the batch``.

    dout ``(N, M)``, x ``(N, D)``, W ``(D, M)``. From ``y_nm = sum_d x_nd W_dm + b_m`` follow
    ``dL/dx_nd = sum_m dout_nm W_dm``, ``dL/dW_dm = sum_n x_nd dout_nm`` and ``dL/db_m = sum_n dout_nm``.
    Source: Saitoh, section 5.6.2.
    """
    dx = np.dot(dout, W.T) if need_dx else None
    dW = np.dot(x.T, dout)
    # Summed along contiguous memory NumPy adds pairwise, and with digits to spare: adding row after
    # row in float32 would lose a batch of 2**24 ones.
    columns = np.ascontiguousarray(dout.T)
    with np.errstate(all="ignore"):
        if dout.dtype.kind == "f":
            db = columns.sum(axis=1, dtype=_wider(dout)).astype(dout.dtype)
        else:
            db = columns.sum(axis=1)
    return dx, dW, db


def softmax(x: Array) -> Array:
    """``y_i = exp(x_i) / sum_j exp(x_j)`` along the last axis; ``(..., C)``, a floating dtype.

    Taking the row's maximum from each ``x_i`` changes nothing (numerator and denominator are divided
    by the same ``exp(max)``) and keeps ``exp`` from overflowing. Source: Saitoh, section 3.5.2; the
    notebook divides by the sum over the whole batch, this by each row's own.
    """
    if x.size == 0:  # of no class: a row has no largest
        return x.copy()
    with np.errstate(all="ignore"):
        _, e = _exp_below(x.max(axis=-1, keepdims=True, initial=-np.inf), x)
        y: Array = (e / _sum_of_row(e)).astype(x.dtype)
    return y


def cross_entropy_error(y: Array, t: Array) -> float:
    """``-(1/N) sum_n sum_c t_nc log(y_nc + 1e-7)``: y ``(N, C)`` probabilities, t labels or targets.

    t is ``(N,)`` integer labels or ``(N, C)`` targets. Source: Saitoh, section 4.2.4.
    """
    if t.ndim == 1:
        terms = np.log(y[np.arange(len(y)), t] + LOG_GUARD)
    else:
        terms = t * np.log(y + LOG_GUARD)
    return _mean_over_batch(-terms.sum(dtype=np.float64), len(y))


def softmax_with_loss(
    x: Array,
    t: Array,
    weight: Array | None = None,
    sample_weight: Array | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> tuple[float | Array, Array, Array]:
    """The cross-entropy of ``y = softmax(x)``, with y and the gradient ``dx``.

    x ``(N, C)`` of a floating dtype; t ``(N,)`` labels, or ``(N, C)`` targets of x's dtype; `weight` ``(C,)`` and
    `sample_weight` ``(N,)`` of x's dtype. Every option is a matter of the weight q that a row gives to each class,
    see `_class_weights`: with ``log y_c = x_c - log sum_j exp(x_j)`` a row's loss is ``sum_c q_c (lse(x) - x_c)``, and
    its gradient ``y_c sum(q) - q_c``; both are divided by what the mean divides by, N where no row has a weight.
    Source: Saitoh, section 5.6.3 and appendix A.

    The largest entry is kept apart from the sum of the others. When the right class dominates, its
    probability is 1 within rounding: ``log(1)`` and ``1 - 1`` would lose the loss and the gradient,
    ``log1p(others)`` and ``-others`` keep every digit.
    """
    n, classes = x.shape
    with np.errstate(all="ignore"):
        q, counts = _class_weights(x, t, weight, sample_weight, ignore_index, label_smoothing)
        divisor = counts.sum(dtype=np.float64) if reduction == "mean" else 1
        if classes == 0:
            return _reduced(np.zeros(n), divisor, reduction, x.dtype), x.copy(), x.copy()
        rows = np.arange(n)
        top = x.argmax(axis=1)
        shifted, e = _exp_below(x[rows, top][:, np.newaxis], x)
        one = e[rows, top]  # exp(0), or nan where the row holds +inf or nan, or -inf alone
        e[rows, top] = 0
        others = one * _sum_of_row(e)[:, 0]
        e[rows, top] = one
        total = one + others
        y = e / total[:, np.newaxis]

        log_sum = np.log1p(others)[:, np.newaxis]  # log sum_j exp(x_j - max)
        losses = np.where(q == 0, 0, q * (log_sum - shifted)).sum(axis=1, dtype=np.float64)
        losses += 0 * others  # a row that has no probabilities has no loss, whatever its targets

        dx = y * q.sum(axis=1, keepdims=True) - q
        rest = q.copy()
        rest[rows, top] = 0
        dx[rows, top] = (rest.sum(axis=1) - q[rows, top] * others) / total
        dx /= divisor
        if ignore_index is not None:
            losses[t == ignore_index] = dx[t == ignore_index] = 0
        return _reduced(losses, divisor, reduction, x.dtype), y.astype(x.dtype), dx.astype(x.dtype)


def softmax_cross_entropy(
    x: Array,
    t: Array,
    weight: Array | None = None,
    sample_weight: Array | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> tuple[float | Array, Array]:
    """The cross-entropy of ``softmax(x)`` and its gradient: `softmax_with_loss` without y."""
    loss, _, dx = softmax_with_loss(x, t, weight, sample_weight, ignore_index, label_smoothing, reduction)
    return loss, dx


def mean_squared_error(
    y: Array, t: Array, sample_weight: Array | None = None, reduction: str = "mean"
) -> tuple[float | Array, Array]:
    """``sum (y - t)**2``, over the number of numbers in the mean, and its gradient ``2 (y - t)``, over the same.

    Both ``(N, K)`` of one floating dtype; a sample weight ``(N,)`` counts for each number of its sample, in what the
    mean divides by too. Source: Bishop, "Pattern recognition and machine learning", section 3.1.1 (there halved).
    """
    with np.errstate(all="ignore"):
        weights, divisor = _sample_weights(y, sample_weight, reduction)
        losses = weights * np.subtract(y, t, dtype=_at_least_double(y)) ** 2
        dx = (y - t) * ((2 / divisor).astype(y.dtype) * weights)
        return _reduced(losses, divisor, reduction, y.dtype), dx


def sigmoid_cross_entropy(
    x: Array, t: Array, sample_weight: Array | None = None, reduction: str = "mean"
) -> tuple[float | Array, Array]:
    """The binary cross-entropy of ``sigmoid(x)`` and its gradient: `sigmoid_with_loss` without y."""
    loss, _, dx = sigmoid_with_loss(x, t, sample_weight, reduction)
    return loss, dx


def sigmoid_with_loss(
    x: Array, t: Array, sample_weight: Array | None = None, reduction: str = "mean"
) -> tuple[float | Array, Array, Array]:
    """``-sum (t log y + (1 - t) log(1 - y))`` of ``y = sigmoid(x)``, with y and the gradient ``y - t``.

    Both ``(N, K)`` of one floating dtype, t in [0, 1]; the mean as in `mean_squared_error`.

    With ``e = exp(-|x|)``, which cannot overflow, ``-log y = log1p(e)`` and ``-log(1 - y) = x + log1p(e)`` for
    positive x, and the other way round for negative: so each loss is ``|x| q + log1p(e)``, where q is ``1 - t`` or
    ``t``, and nothing cancels. Likewise ``y - t`` is ``q - e / (1 + e)`` or ``e / (1 + e) - q``.
    Source: Bishop, "Pattern recognition and machine learning", section 4.3.2.
    """
    with np.errstate(all="ignore"):
        weights, divisor = _sample_weights(x, sample_weight, reduction)
        e = np.exp(-np.abs(x))
        q = np.where(x > 0, 1 - t, t)
        wide = _at_least_double(x)
        losses = np.where(q == 0, 0, np.abs(x).astype(wide) * q) + np.log1p(e.astype(wide))
        tail = e / (1 + e)
        y = np.where(x > 0, 1 / (1 + e), tail)
        dx = np.where(x > 0, q - tail, tail - q) * ((1 / divisor).astype(x.dtype) * weights)
        return _reduced(weights * losses, divisor, reduction, x.dtype), y, dx


def _sample_weights(x: Array, sample_weight: Array | None, reduction: str) -> tuple[Array, Array]:
    """The weight of each of the ``(N, K)`` numbers, and what the loss is divided by."""
    weights = np.ones(len(x), x.dtype) if sample_weight is None else sample_weight
    divisor = weights.sum(dtype=_wider(x)) * x.shape[1] if reduction == "mean" else 1
    return weights[:, np.newaxis], np.asarray(divisor, _at_least_double(x))


def _at_least_double(x: Array) -> np.dtype[Any]:
    return np.result_type(x, np.float64)


def _class_weights(
    x: Array,
    t: Array,
    weight: Array | None,
    sample_weight: Array | None,
    ignore_index: int | None,
    label_smoothing: float,
) -> tuple[Array, Array]:
    """How much each row wants each class, ``(N, C)``, and how much it counts in the mean, ``(N,)``.

    With class weights w, sample weights s and label smoothing e, ``q_nc = s_n w_c ((1 - e) t_nc + e / C)``, where
    a label stands for targets of one 1. A row with a label counts ``s_n w_label``, with targets ``s_n``, and
    an ignored one nothing. Source: PyTorch's ``cross_entropy``; sample weights are ours.
    """
    n, classes = x.shape
    if t.ndim == 2:
        q, counts = t.astype(np.result_type(x, np.float64), copy=False), np.ones(n)
    else:
        q = np.zeros(x.shape, np.result_type(x, np.float64))
        counted = np.arange(n) if ignore_index is None else np.flatnonzero(t != ignore_index)
        q[counted, t[counted]] = 1
        counts = q.sum(axis=1) if weight is None else q @ weight.astype(q.dtype)
    if label_smoothing:
        q = (1 - label_smoothing) * q + label_smoothing / max(classes, 1)
    if weight is not None:
        q = q * weight
    if sample_weight is not None:
        # An infinite weight, of a sum that is not divided by it, leaves the classes that no one wants at 0.
        q, counts = np.where(q == 0, 0, q * sample_weight[:, np.newaxis]), counts * sample_weight
    if ignore_index is not None:
        counts[t == ignore_index] = 0  # also where its sample's weight is infinite
    return q, counts


def _reduced(losses: Array, divisor: Any, reduction: str, dtype: np.dtype[Any]) -> float | Array:
    """The losses of all rows, or their sum or mean; the mean of no row is nan."""
    return losses.astype(dtype) if reduction == "none" else float(np.float64(losses.sum()) / divisor)


def _exp_below(top: Array, x: Array) -> tuple[Array, Array]:
    """``x - top`` and its ``exp``, where top is each row's largest; in float64 at least.

    The subtraction rounds, and ``exp`` makes a relative error of it: 41 below the top, one of 20 ulp. In float64
    a float32 has digits to spare. A float64 has none: so what is lost, d (by Knuth's two-sum; nan beside
    infinity), is made good: ``exp(s + d) = exp(s) (1 + d)``.
    """
    if x.itemsize < np.dtype(np.float64).itemsize:
        shifted = np.subtract(x, top, dtype=np.float64)
        return shifted, np.exp(shifted)
    shifted = x - top
    part = shifted - x
    lost = (x - (shifted - part)) - (top + part)
    e = np.exp(shifted)
    return shifted, e + e * np.where(np.isfinite(lost), lost, 0)


def _sum_of_row(e: Array) -> Array:
    """``sum_j e_j``, rounded once."""
    total: Array = e.sum(axis=-1, keepdims=True, dtype=_wider(e))
    return total.astype(e.dtype)


def _wider(x: Array) -> np.dtype[Any]:
    """The dtype for a long sum: NumPy's pairwise sum in x's own is off by some ulp after a thousand terms."""
    return np.result_type(x, np.float64 if x.itemsize < np.dtype(np.float64).itemsize else np.longdouble)


# The optimizers' rules take all the memory that they need before they write: where there is none, nothing has changed.


def sgd_update(
    params: list[Array], grads: list[Array], lr: float, weight_decay: float = 0.0, clip_norm: float | None = None
) -> None:
    """``param <- param - lr * grad``, in place, for each. Source: Saitoh, section 6.1.2."""
    with np.errstate(all="ignore"):
        grads = _effective(params, grads, weight_decay, clip_norm)
        steps = [lr * grad for grad in grads]
        for param, step in zip(params, steps, strict=True):
            param -= step


def momentum_update(
    params: list[Array],
    grads: list[Array],
    v: list[Array],
    lr: float,
    momentum: float,
    nesterov: bool = False,
    weight_decay: float = 0.0,
    clip_norm: float | None = None,
) -> None:
    """``v <- momentum * v - lr * grad`` and ``param <- param + v``, in place. Source: Saitoh, section 6.1.4.

    Nesterov's momentum looks where v will lead: ``param <- param + momentum * v - lr * grad`` with the new v.
    Source: Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013, in
    the form of Bengio et al., "Advances in optimizing recurrent networks", ICASSP 2013, equation 7.
    """
    with np.errstate(all="ignore"):
        grads = _effective(params, grads, weight_decay, clip_norm)
        news = []
        for velocity, grad in zip(v, grads, strict=True):
            step = lr * grad
            new_velocity = np.asarray(velocity * momentum - step, velocity.dtype)
            new_velocity[_is_subnormal(new_velocity)] = 0
            ahead = np.asarray(new_velocity * momentum - step, velocity.dtype) if nesterov else new_velocity
            news.append((new_velocity, ahead))
        for param, velocity, (new_velocity, ahead) in zip(params, v, news, strict=True):
            velocity[...] = new_velocity
            param += ahead


def adam_update(
    params: list[Array],
    grads: list[Array],
    m: list[Array],
    v: list[Array],
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    t: int,
    weight_decay: float = 0.0,
    clip_norm: float | None = None,
    decoupled: bool = False,
) -> None:
    """``param <- param - lr * m' / (sqrt(v') + eps)`` with running means m of grad and v of its square.

    ``m <- beta1 m + (1 - beta1) grad`` and ``v <- beta2 v + (1 - beta2) grad**2`` start at 0, which
    ``m' = m / (1 - beta1**t)`` and ``v' = v / (1 - beta2**t)`` make up for at step t = 1, 2, ...
    Source: Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.

    Decoupled, the decay is no part of grad, which m and v would rescale: ``param <- param - lr * weight_decay * param``
    comes before the step. Source: Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019,
    algorithm 2; lr is their product of alpha and the schedule's multiplier eta, as in PyTorch.
    """
    scale1, scale2 = 1 / (1 - beta1**t), 1 / (1 - beta2**t)
    shrink = lr * weight_decay if decoupled else 0.0
    news = []
    with np.errstate(all="ignore"):
        grads = _effective(params, grads, 0.0 if decoupled else weight_decay, clip_norm)
        for param, grad, mean, mean_square in zip(params, grads, m, v, strict=True):
            least = max(eps, float(np.finfo(param.dtype).smallest_subnormal))  # float16 has no 1e-8
            new_mean = np.asarray(mean + (1 - beta1) * (grad - mean))
            new_mean[_is_subnormal(new_mean)] = 0
            new_mean_square = np.asarray(mean_square + (1 - beta2) * (grad * grad - mean_square))
            new_mean_square[_is_subnormal(new_mean_square)] = 0
            step = lr * (new_mean * scale1) / (np.sqrt(new_mean_square * scale2) + least)
            if shrink and _decays(param):
                step += shrink * param
            news.append((new_mean, new_mean_square, step))
        for param, mean, mean_square, (new_mean, new_mean_square, step) in zip(params, m, v, news, strict=True):
            mean[...] = new_mean
            mean_square[...] = new_mean_square
            param -= step


def _is_subnormal(state: Array) -> Array:
    """Where a state that shrinks step by step is about to stay for good, at ten times the time that a step takes.

    float16 is spared: its subnormal numbers begin at 6e-5, and are steps like others.
    """
    least = 0.0 if state.dtype == np.float16 else np.finfo(state.dtype).tiny
    subnormal: Array = np.abs(state) < least
    return subnormal


def _effective(params: list[Array], grads: list[Array], weight_decay: float, clip_norm: float | None) -> list[Array]:
    """The gradients that a rule sees: clipped, and with what pulls each weight towards 0.

    Half the sum of the squares of the weights, ``weight_decay`` times, added to the loss adds ``weight_decay * W`` to
    its gradient (Saitoh, section 6.4.2). It comes after the clipping, as in PyTorch, where that is the user's call
    before the optimizer's.
    """
    scale = 1.0 if clip_norm is None else _clipping_scale(grads, clip_norm)
    effective = []
    for param, grad in zip(params, grads, strict=True):
        decays = weight_decay != 0 and _decays(param)
        # In the wider dtype: the square of an int8 is not an int8, and a small step is none in float16.
        grad = grad.astype(np.result_type(grad, param), copy=False)
        if decays or scale != 1:
            grad = scale * grad
        if decays:
            grad = grad + weight_decay * param
        effective.append(grad)
    return effective


def _decays(param: Array) -> bool:
    """Whether it is a weight, and no bias."""
    return param.ndim > 1


def _clipping_scale(grads: list[Array], clip_norm: float) -> float:
    """``clip_norm / norm`` of all gradients as one vector where that is below 1, and 1 elsewhere; nan of nan.

    Source: Pascanu et al., "On the difficulty of training recurrent neural networks", ICML 2013, algorithm 1; with
    the 1e-6 that PyTorch's ``clip_grad_norm_`` adds to the norm, and its answer where there is none: 0 for an
    infinite norm, which makes nan of the infinite gradients.
    """
    largest = [np.abs(grad.astype(np.result_type(grad, np.float64))).max(initial=0) for grad in grads]
    top = np.max(largest, initial=0)
    norm = float(top)
    if np.isfinite(top):
        _, exponent = np.frexp(top)  # a power of two is divided out exactly, so that no square overflows or vanishes
        scaled = [np.ldexp(grad.astype(_wider(grad)), -exponent) for grad in grads]
        total = sum(float(np.sum(part * part)) for part in scaled)
        norm = float(np.ldexp(np.sqrt(total), exponent))
    scale = clip_norm / (norm + 1e-6)
    return 1.0 if scale > 1 else scale


def _mean_over_batch(total: float, n: int) -> float:
    """The mean loss; of no sample it is nan, without a warning."""
    return float(total) / n if n else float("nan")
