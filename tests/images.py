"""Arguments of what works on images that go together, most of the time, and how large the terms of its results are."""

import itertools

import numpy as np
from strategies import any_dtype, any_shape, anything, chance, numbers

import fastlayers as fl


def convolution(r, *, comparable=False):
    """dout, x, W and b for a convolution with some options, of which `options` finds such as fit.

    Of `comparable` ones none is so large that a sum depends on the order of adding.
    """
    specials = [np.nan] if comparable else None
    dtype = any_dtype(r)
    n, groups, each, filters = (
        r.choice((2, 1, 3, 0, 9)),
        r.choice((1, 1, 2, 3)),
        r.choice((1, 2, 3, 5)),
        r.randint(1, 9),
    )
    size = r.randint(1, 3), r.randint(1, 3)
    x = n, groups * each, r.choice((4, 3, 5, 7, 13, 1)), r.choice((4, 3, 5, 8, 17, 1))
    W = groups * filters, each, *size
    pairs = r.choice((1, 1, 2)), r.choice((0, 1)), r.choice((1, 1, 2))
    high, wide = (places(*sides, *pairs) for sides in zip(x[2:], size, strict=True))
    dout = n, W[0], max(high, 0), max(wide, 0)
    x = any_shape(r) if chance(r, 5) else x
    kinds = [any_dtype(r) if chance(r, 10) else dtype for _ in range(4)]
    shapes = dout, x, W, W[:1]
    return [numbers(r, shape, kind, specials=specials) for shape, kind in zip(shapes, kinds, strict=True)]


def places(size, filter_size, stride, pad, dilation):
    return (size + 2 * pad - dilation * (filter_size - 1) - 1) // stride + 1


def forward(r, *, comparable=False):
    _, x, W, b = convolution(r, comparable=comparable)
    return [x, W, b] if chance(r, 70) else [x, W]


def backward(r, *, comparable=False):
    return convolution(r, comparable=comparable)[:3]


def layer(r, *, comparable=False):
    """The input of a layer and what it is made with."""
    _, x, W, b = convolution(r, comparable=comparable)
    return [x, W, b]


def fitting(args):
    """What options there are by which the arrays fit each other: dout, where there is one, x and W."""
    shapes = [np.shape(a) if isinstance(a, np.ndarray) else () for a in args]
    dout, (x, W) = (shapes[0], shapes[1:3]) if len(shapes) == 3 and len(shapes[2]) == 4 else (None, shapes[:2])
    if len(x) != 4 or len(W) != 4 or not W[1]:
        return
    for stride, pad, dilation in itertools.product((1, 2, (2, 1)), (0, 1, (1, 0)), (1, 2, (1, 2))):
        along = zip(x[2:], W[2:], *(np.broadcast_to(option, 2) for option in (stride, pad, dilation)), strict=True)
        if dout is None or dout[2:] == tuple(places(*side) for side in along):
            yield {"stride": stride, "pad": pad, "dilation": dilation, "groups": x[1] // W[1]}


def options(r, arena, args, *, comparable):
    """Options for a convolution, mostly such as fit; now and then one that is anything."""
    chosen = r.choice([*fitting(args), {}])
    if chosen and chance(r, 10):
        chosen |= {r.choice([*chosen]): anything(r)}
    return chosen


def backward_options(r, arena, args, *, comparable):
    chosen = options(r, arena, args, comparable=comparable)
    return chosen | {"need_dx": chance(r, 50)} if chance(r, 50) else chosen


def images(r, *, comparable=False):
    return [convolution(r, comparable=comparable)[1]]


def patches(r, *, comparable=False):
    rows, columns = r.choice((1, 2, 5, 12)), r.choice((1, 2, 6, 12))
    return [numbers(r, (rows, columns), any_dtype(r), specials=[np.nan] if comparable else None)]


def window_options(r, arena, args, *, comparable):
    """A filter's size, and mostly nothing else."""
    more = {"stride": r.choice((1, 2, (1, 2))), "pad": r.choice((0, 1)), "dilation": r.choice((1, 2))}
    sizes = {"filter_h": r.randint(1, 3), "filter_w": anything(r) if chance(r, 5) else r.randint(1, 3)}
    return sizes | (more if chance(r, 50) else {})


def folding_options(r, arena, args, *, comparable):
    """A shape of images and a filter whose patches are the array."""
    rows, columns = np.shape(args[0]) if isinstance(args[0], np.ndarray) and np.ndim(args[0]) == 2 else (2, 2)
    wide = r.choice([w for w in (1, 2, 3) if columns % w == 0])
    shape = (1, columns // wide, 1, rows + wide - 1)
    return {"input_shape": anything(r) if chance(r, 5) else shape, "filter_h": 1, "filter_w": wide}


def terms_of(name):
    """How large the sums of the sizes of its terms are: the same call of absolute values."""

    def terms(*args, **options):
        options = {name: value for name, value in options.items() if name != "out"}
        with np.errstate(all="ignore"):
            absolute = getattr(fl.reference, name)(
                *(None if a is None else np.abs(np.asarray(a, float)) for a in args), **options
            )
        return absolute if isinstance(absolute, tuple) else (absolute,)

    return terms


# Pooling


def pool_options(r, arena, args, *, comparable):
    """A window, its stride and margin; now and then one of them is anything."""
    chosen = dict(zip(("pool_h", "pool_w", "stride", "pad"), pool_sizes(r), strict=True))
    if chance(r, 5):
        chosen |= {r.choice([*chosen]): anything(r)}
    return chosen


def average_options(r, arena, args, *, comparable):
    chosen = pool_options(r, arena, args, comparable=comparable)
    return chosen | {"count_include_pad": r.choice((True, False, 1))} if chance(r, 50) else chosen


def pool_sizes(r):
    return [r.choice((2, 3, 1, 4)), r.choice((2, 3, 1, 17)), r.choice((2, 1, 3, (1, 2))), r.choice((0, 0, 1, (1, 0)))]


def pooled(r, *, comparable=False):
    """The gradient of what a pooling gives."""
    shape = r.choice((2, 1, 0)), r.choice((2, 1)), r.choice((3, 1, 5)), r.choice((4, 1, 2, 9, 17))
    return [
        numbers(r, any_shape(r) if chance(r, 5) else shape, any_dtype(r), specials=[np.nan] if comparable else None)
    ]


def pooled_with_indices(r, *, comparable=False):
    """The same with an index for each window, which most have."""
    (dout,) = pooled(r, comparable=comparable)
    dtype = r.choice((np.uint8, np.intp, np.int16, np.uint64))
    return [dout, np.random.default_rng(r.randint(0, 99)).integers(0, r.choice((1, 2, 4, 5)), dout.shape).astype(dtype)]


def unaverage_options(r, arena, args, *, comparable):
    """Images that a window gives so much of, and the window."""
    chosen = average_options(r, arena, args, comparable=comparable)
    if chance(r, 5) or not (isinstance(args[0], np.ndarray) and args[0].ndim == 4):
        return chosen | {"input_shape": anything(r)}
    n, c, *places = args[0].shape
    try:
        (down, right), (top, left) = np.broadcast_to(chosen["stride"], 2), np.broadcast_to(chosen["pad"], 2)
        high = (places[0] - 1) * down + chosen["pool_h"] - 2 * top
        wide = (places[1] - 1) * right + chosen["pool_w"] - 2 * left
        return chosen | {"input_shape": (n, c, max(int(high), 0), max(int(wide), 0))}
    except Exception:  # one of them is anything
        return chosen | {"input_shape": (n, c, 3, 3)}


def unpool_options(r, arena, args, *, comparable):
    chosen = unaverage_options(r, arena, args, comparable=comparable)
    chosen.pop("count_include_pad", None)
    return chosen


def unpooling(dout, *_):
    """Windows of two by two, one beside the next, and the shape of the images that have dout's number of them."""
    shape = np.shape(dout) if isinstance(dout, np.ndarray | list) and np.ndim(dout) == 4 else (1, 1, 1, 1)
    return {"input_shape": (*shape[:2], shape[2] + 1, shape[3] + 1), "pool_h": 2, "pool_w": 2, "stride": 1}
