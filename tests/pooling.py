"""What the tests of pooling share: every kind of window over images, and each of its numbers by itself."""

import itertools

import numpy as np

# Height and width, windows, strides, margins: those that go together.
SIZES = [
    (size, window, stride, pad)
    for size, window, stride, pad in itertools.product(
        [(1, 1), (5, 7), (7, 24), (13, 35)],
        [(1, 1), (2, 2), (3, 3), (2, 5), (17, 17)],
        [(2, 2), (3, 1)],
        [(0, 0), (1, 1), (0, 2), (8, 0)],
    )
    if all(p < w <= s + 2 * p for s, w, p in zip(size, window, pad, strict=True))
]


def by_loops(x, window, stride, pad):
    """Of each window, by its place ``(n, c, row, column)``, where its numbers in the image are, and their indices."""
    (n, c, high, wide), (down, right), (top, left) = x.shape, stride, pad
    rows, columns = (high + 2 * top - window[0]) // down + 1, (wide + 2 * left - window[1]) // right + 1
    found = {}
    for place in np.ndindex(n, c, rows, columns):
        *image, row, column = place
        cells = [
            ((*image, row * down - top + i, column * right - left + j), i * window[1] + j)
            for i, j in np.ndindex(window)
        ]
        found[place] = [(at, index) for at, index in cells if 0 <= at[2] < high and 0 <= at[3] < wide]
    return (n, c, rows, columns), found
