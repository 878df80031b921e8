"""Arguments of batch normalization that go together, most of the time, and how large the terms of its results are."""

import numpy as np
from strategies import any_dtype, any_shape, chance, numbers


def arrays(r, *, comparable):
    """dout, x, gamma, beta, a mean and a variance: of samples or images, by number or by channel.

    Of `comparable` ones none is so large that a sum depends on the order of adding, or on what is taken together.
    """
    specials = [np.nan] if comparable else None
    dtype = any_dtype(r)
    n, c = r.choice((3, 4, 1, 2, 0, 8, 35)), r.choice((4, 1, 2, 3, 0, 16, 17, 40))
    x = (n, c) if chance(r, 50) else (n, c, r.choice((1, 2, 3, 5)), r.choice((1, 2, 7)))
    x = any_shape(r) if chance(r, 5) else x
    channels = x[1:2] if chance(r, 60) else (int(np.prod(x[1:])),)
    kinds = [any_dtype(r) if chance(r, 10) else dtype for _ in range(6)]
    made = [
        numbers(r, shape, kind, specials=specials) for shape, kind in zip([x] * 2 + [channels] * 4, kinds, strict=True)
    ]
    if made[5].dtype.kind in "if":
        made[5] = np.abs(made[5])
    return made


def predicted(r, *, comparable=False):
    return arrays(r, comparable=comparable)[1:]


def forward(r, *, comparable=False):
    return arrays(r, comparable=comparable)[1 : 6 if chance(r, 70) else 4]


def backward(r, *, comparable=False):
    dout, x, gamma, _, mean, var = arrays(r, comparable=comparable)
    return [dout, x, gamma, mean, var]


def layer(r, *, comparable=False):
    """The input of a layer and what it is made with."""
    return arrays(r, comparable=comparable)[1:4]


def largest(array):
    """The largest finite magnitude, in float64."""
    array = np.abs(np.asarray(array, float))
    return np.max(array, initial=0, where=np.isfinite(array))


def centred(x, mean, var, eps):
    """The largest that x may become, and what it was multiplied by."""
    lowest = np.min(np.asarray(var, float), initial=1, where=np.asarray(np.isfinite(np.asarray(var, float))))
    scale = 1 / np.sqrt(max(lowest, 0) + float(eps))
    return (largest(x) + largest(mean)) * scale, scale


def terms_of_prediction(x, gamma, beta, mean, var, eps=1e-6, **_):
    return [centred(x, mean, var, eps)[0] * largest(gamma) + largest(beta)]


def terms_of_forward(x, gamma, beta, running_mean=0, running_var=0, **_):
    """Normalised, none of n numbers is above the root of n; the others are as large as x and its squares."""
    size = largest(x)
    y = np.sqrt(max(np.size(x), 1)) * largest(gamma) + largest(beta)
    return [y, size, size**2, size + largest(running_mean), size**2 + largest(running_var)]


def terms_of_backward(dout, x, gamma, mean, var, eps=1e-6, **_):
    normalised, scale = centred(x, mean, var, eps)
    dbeta = largest(dout) * np.size(x)
    dx = largest(gamma) * scale * largest(dout) * (2 + normalised**2)
    return [dx, dbeta * normalised, dbeta]
