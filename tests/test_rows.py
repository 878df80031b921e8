"""Rows in another order, by the kernel that cuts batches: as NumPy takes them, and declined where not plain."""

import kit
import numpy as np
import pytest


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(7, 784), (50, 3), (5,), (6, 2, 3), (4, 0), (300, 100)])
def test_rows(level, dtype, shape):
    rng = np.random.default_rng(0)
    a = kit.numbers(shape, np.float64).astype(dtype)
    for n in (0, 1, 2, 3, 64, 500):
        order = rng.integers(0, shape[0], n)
        expected, results = a[order], []
        for threads in (1, 2, 4):
            level.set_num_threads(threads)
            out = np.empty(expected.shape, dtype)
            assert level.embedding_forward(order, a, out) is out
            results.append(out)
        for out in results:
            kit.assert_same(out, expected)


def test_what_is_not_plain_is_declined_with_nothing_written(level):
    a, order = kit.numbers((6, 4), np.float32), np.array([5, 0, 3])
    out = np.full((3, 4), 7, np.float32)
    read_only = out.copy()
    read_only.flags.writeable = False
    for table, idx, given in (
        (a, np.array([5, 0, 6]), out),
        (a, np.array([5, -1, 3]), out),
        (a, order.astype(np.float64), out),
        (a, order[:2], out),
        (a, order.tolist(), out),
        (a[::2], np.array([0, 1, 2]), out),
        (np.asfortranarray(a), order, out),
        (a.astype(">f4"), order, out),
        (a.astype(object), order, out.astype(object)),
        (a.astype(complex), order, out.astype(complex)),
        (a.astype("f4,f4"), order, np.empty((3, 4), "f4,f4")),
        (a, order, out.astype(np.float64)),
        (a, order, out[:, :3].copy()),
        (a, order, read_only),
        (a, np.array([0, 1, 2]), a[3:]),
        (a[:0], np.zeros(3, np.int64), out),
        (np.float32(1), order, out),
        (None, None, None),
    ):
        assert level.embedding_forward(idx, table, given) is NotImplemented
        assert (out == 7).all()
