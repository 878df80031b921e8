"""How optimizers update parameters, in NumPy.

Each takes all the memory that it needs before it writes: where there is none, nothing has changed.
"""

from __future__ import annotations

import numpy as np

from .._core.types import Array
from ._sums import wider


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


def adagrad_update(
    params: list[Array],
    grads: list[Array],
    h: list[Array],
    lr: float,
    weight_decay: float = 0.0,
    clip_norm: float | None = None,
) -> None:
    """``h <- h + grad**2`` and ``param <- param - lr * grad / (sqrt(h) + 1e-7)``, in place.

    Source: Saitoh, section 6.1.5; Duchi et al., "Adaptive subgradient methods for online learning and stochastic
    optimization", JMLR 12 (2011), with the book's 1e-7, without which a unit that is never active divides 0 by 0.
    """
    _by_root_of_squares(params, grads, h, lr, 1.0, 1.0, weight_decay, clip_norm)


def rmsprop_update(
    params: list[Array],
    grads: list[Array],
    h: list[Array],
    lr: float,
    decay_rate: float,
    weight_decay: float = 0.0,
    clip_norm: float | None = None,
) -> None:
    """As `adagrad_update`, with a mean that forgets: ``h <- decay_rate * h + (1 - decay_rate) * grad**2``.

    Source: the book's ``common/optimizer.py``; Tieleman and Hinton, "Lecture 6.5: rmsprop", 2012.
    """
    _by_root_of_squares(params, grads, h, lr, decay_rate, 1 - decay_rate, weight_decay, clip_norm)


def _by_root_of_squares(
    params: list[Array],
    grads: list[Array],
    h: list[Array],
    lr: float,
    keep: float,
    gain: float,
    weight_decay: float,
    clip_norm: float | None,
) -> None:
    news = []
    with np.errstate(all="ignore"):
        for grad, squares in zip(_effective(params, grads, weight_decay, clip_norm), h, strict=True):
            grad = grad.astype(np.result_type(grad, np.float32), copy=False)  # the square of a float16 is often 0
            new_squares = np.asarray(keep * squares + gain * grad * grad)
            new_squares[_is_subnormal(new_squares)] = 0
            news.append((new_squares, lr * grad / (np.sqrt(new_squares) + 1e-7)))
        for param, squares, (new_squares, step) in zip(params, h, news, strict=True):
            squares[...] = new_squares
            param -= step


def adam_update(
    params: list[Array],
    grads: list[Array],
    m: list[Array],
    v: list[Array],
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    t: int | tuple[int, ...],
    weight_decay: float = 0.0,
    clip_norm: float | None = None,
    decoupled: bool = False,
) -> None:
    """``param <- param - lr * m' / (sqrt(v') + eps)`` with running means m of grad and v of its square.

    ``m <- beta1 m + (1 - beta1) grad`` and ``v <- beta2 v + (1 - beta2) grad**2`` start at 0, which
    ``m' = m / (1 - beta1**t)`` and ``v' = v / (1 - beta2**t)`` make up for at step t = 1, 2, ...; t is a tuple where
    parameters have had different numbers of updates.
    Source: Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.

    Decoupled, the decay is no part of grad, which m and v would rescale: ``param <- param - lr * weight_decay * param``
    comes before the step. Source: Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019,
    algorithm 2; lr is their product of alpha and the schedule's multiplier eta, as in PyTorch.
    """
    steps = t if isinstance(t, tuple) else (t,) * len(params)
    shrink = lr * weight_decay if decoupled else 0.0
    news = []
    with np.errstate(all="ignore"):
        grads = _effective(params, grads, 0.0 if decoupled else weight_decay, clip_norm)
        for param, grad, mean, mean_square, step_number in zip(params, grads, m, v, steps, strict=True):
            scale1, scale2 = 1 / (1 - beta1**step_number), 1 / (1 - beta2**step_number)
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


def clip_grads(grads: list[Array], max_norm: float) -> None:
    """``grad <- grad * max_norm / norm``, in place, for each, where that is smaller.

    Source: Saitoh, volume 2, section 6.1.4.
    """
    with np.errstate(all="ignore"):
        scale = _clipping_scale(grads, max_norm)
        for grad in grads if scale != 1 else []:
            grad *= scale


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
        scaled = [np.ldexp(grad.astype(wider(grad)), -exponent) for grad in grads]
        total = sum(float(np.sum(part * part)) for part in scaled)
        norm = float(np.ldexp(np.sqrt(total), exponent))
    scale = clip_norm / (norm + 1e-6)
    return 1.0 if scale > 1 else scale
