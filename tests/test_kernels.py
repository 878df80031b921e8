"""Proof of which path ran: a kernel takes the common call, and declines what is not common."""

import itertools
import subprocess
import sys

import families
import kit
import numpy as np
import pytest

from fastlayers._core import backend

SHAPES = ((130, 7), (33,), (5, 9))  # the last is odd in every layout


def kernel_call(level, name, *args):
    return kit.of(level, name)(*args, *families.FUNCTION[name].before_out)


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("rows", [1, 6, 300])
@pytest.mark.parametrize("name", families.KERNELS)
def test_the_kernel_takes_the_common_call(level, name, dtype, rows):
    args = families.common_call(name, dtype, rows)
    result = kernel_call(level, name, *args)
    assert result is not NotImplemented
    entry, expected = families.FUNCTION[name], kit.flat(kit.reference(name, *args))
    sums, needed = entry.sums, entry.needed(*args) if callable(entry.needed) else entry.needed
    sizes = sums(*args, **needed) if callable(sums) else [0] * len(expected)
    least = 1e-4 if sums == "products" or callable(sums) else 1e-6
    for ours, true, size in zip(kit.flat(result), expected, sizes, strict=True):
        np.testing.assert_allclose(ours, true, rtol=2e-6, atol=max(least, 2e-6 * np.max(size)))


@pytest.mark.parametrize("dtype", kit.FAST)
def test_the_kernel_takes_each_variant_of_the_common_call(level, dtype):
    dout, x, W = families.common_call("affine_backward", dtype)
    assert level.affine_backward(dout, x, W, False) is not NotImplemented
    assert level.affine_forward(x, W, None) is not NotImplemented
    for targets in (np.eye(5, dtype=dtype)[:3], kit.numbers((3, 5), dtype)):
        assert level.softmax_cross_entropy(x[:3], targets) is not NotImplemented
    for name in ("relu", "relu_forward", "sigmoid_forward"):
        assert getattr(level, name)(x.reshape(2, 3, 5)) is not NotImplemented
        assert getattr(level, name)(x, None) is not NotImplemented


@pytest.mark.parametrize("name", families.KERNELS)
def test_each_function_of_a_level_is_its_own(level, name, request):
    module = backend.MODULES[request.node.callspec.params["level"]]
    assert getattr(level, name).__module__ == f"fastlayers.kernels.{module}"


@pytest.mark.parametrize("name", families.KERNELS)
@pytest.mark.parametrize(
    "kind", ["float16", "int64", "longdouble", "complex128", "object", "byte-swapped", "subclass", "unaligned"]
)
def test_the_kernel_declines_what_is_not_common(level, name, kind):
    args = list(families.common_call(name))
    if args[0].dtype == kind:
        return  # indices, which are common in each dtype of integers
    args[0] = kit.LAYOUTS[kind](args[0]) if kind in kit.LAYOUTS else args[0].astype(kind)
    before = [np.array(a) for a in args]
    promotes = kind in ("float16", "int64") and families.FUNCTION[name].promotes
    assert (kernel_call(level, name, *args) is NotImplemented) != promotes
    for nonsense in (None, 1.0, "text", [1.0, 2.0], (), object()):
        assert kernel_call(level, name, nonsense, *args[1:]) is NotImplemented
    for array, copy in zip(args, before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("name", families.KERNELS)
def test_the_kernel_declines_what_the_rules_refuse(level, name, dtype):
    """Arrays of shapes that do not fit, straight to the kernel: nothing may be read or written beyond them."""
    args = families.common_call(name, dtype)
    odd = [
        np.ones(shape, kind)
        for shape in ((), (1,), (0,), (0, 5), (5, 0), (7, 6), (2, 3, 4))
        for kind in (dtype, bool, int)
    ]
    for i in range(len(args)):
        for value in odd:
            call = (*args[:i], value, *args[i + 1 :])
            refused = isinstance(kit.outcome(kit.reference, name, *call), tuple) and kit.outcome(
                kit.reference, name, *call
            )
            if refused and isinstance(refused[0], type):
                assert kernel_call(level, name, *call) is NotImplemented


@pytest.mark.parametrize("name", families.FUNCTIONS)
def test_the_functions_ask_the_implementation_in_use(implementation, name, monkeypatch):
    asked, kernels = [], kit.kernels_of(implementation)

    class Spy:
        def __getattr__(self, kernel):
            asked.append(kernel)
            return getattr(kernels, kernel)

    monkeypatch.setattr(backend, "kernels", Spy())
    kit.call(name, *families.common_call(name))
    assert set(asked) == {name}
    assert implementation == "reference" or len(asked) == 1  # declined once, it is asked once more


# The optimizers' updates


@pytest.mark.parametrize("dtype", kit.FAST)
@pytest.mark.parametrize("name", families.UPDATES)
@pytest.mark.parametrize("order", "CF")
def test_the_rule_takes_the_common_call(level, name, dtype, order):
    factors = families.UPDATES[name]
    ours, true = (
        [
            [np.array(a, order=order) for a in arrays]
            for arrays in families.update_call(name, dtype, SHAPES)[: -len(factors)]
        ]
        for _ in range(2)
    )
    assert getattr(level, name)(*ours, *factors) is None
    kit.formula(name)(*true, *factors)
    rtol, atol = (2e-6, 1e-6) if dtype is np.float32 else (1e-13, 1e-15)
    for a, b in zip(itertools.chain(*ours), itertools.chain(*true), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", families.UPDATES)
@pytest.mark.parametrize(
    "kind", [*[k for k in kit.LAYOUTS if k not in ("contiguous", "odd offset")], "float16", "other", "shape", "list"]
)
def test_the_rule_declines_what_is_not_common_with_nothing_written(level, name, kind):
    """One odd array, the last, among the parameters, the gradients, the state: the first stays as it was."""
    factors = len(families.UPDATES[name])
    for which in range(len(families.update_call(name)) - factors):
        args = list(families.update_call(name, shapes=SHAPES))
        last = args[which][-1]
        odd = {
            "float16": last.astype(np.float16),
            "other": last.astype(np.float32),
            "shape": last[1:],
            "list": last.tolist(),
        }
        args[which][-1] = odd[kind] if kind in odd else kit.LAYOUTS[kind](last)
        takes = kind in ("read-only", "float16", "other") and which == 1
        takes |= (
            kind == "other" and which == 0 and name == "sgd_update"
        )  # then it is the gradient that is of another dtype
        before = [a.copy() for a in args[0][:-1]]
        assert (getattr(level, name)(*args) is NotImplemented) != takes
        for array, copy in zip(args[0], before, strict=False):
            assert takes or np.array_equal(array, copy)


@pytest.mark.parametrize("name", families.UPDATES)
def test_the_rule_declines_other_collections(level, name):
    args = families.update_call(name)
    for which in range(len(args) - len(families.UPDATES[name])):
        for odd in (iter(args[which]), args[which][:1], [], args[which][0], dict(enumerate(args[which]))):
            assert getattr(level, name)(*args[:which], odd, *args[which + 1 :]) is NotImplemented


@pytest.mark.parametrize("name", families.UPDATES)
def test_the_rule_survives_what_is_no_list_at_all(level, name):
    """In an interpreter of its own: it was to crash, if anything."""
    code = f"""
import numpy as np, {level.__name__} as level
lists = {len(families.update_call(name)) - len(families.UPDATES[name])}
for which in range(lists):
    for odd in (None, 1.0, "text", object()):
        args = [[np.ones(3)] for _ in range(lists)]
        args[which] = odd
        assert level.{name}(*args, *{families.UPDATES[name]}) is NotImplemented, (which, odd)
"""
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("eps", [1e-8, 1e-3, 1e-99, 1.0, 0.0, 1e-200, 1e200])
@pytest.mark.parametrize("scale", [1.0, 1e-8, 1e-100, 1e-140, 1e-160, 1e-200, 1e-300, 1e100, 1e150, 1e160, 1e300])
def test_adam_in_float64_at_every_scale(level, scale, eps):
    """Kernels may divide and take roots by way of estimates: not where these have no way to the result."""
    rng, odd = np.random.default_rng(0), np.array([0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1e-310, 1e308])
    with np.errstate(all="ignore"):
        for n in (1, 7, 8, 9, 100, 1003):
            param, grad, m = (rng.standard_normal(n) * scale for _ in range(3))
            v = np.abs(rng.standard_normal(n)) * scale * min(scale, 1e150)
            if n > 100:
                grad[:64], m[:64], v[:64] = np.repeat(odd, 8), np.tile(odd, 8), np.abs(np.tile(odd, 8))
            for start in (param, np.zeros(n)):
                ours, true = ([a.copy() for a in (start, grad, m, v)] for _ in range(2))
                assert level.adam_update(*[[a] for a in ours], 0.01, 0.9, 0.999, eps, 3) is None
                kit.formula("adam_update")(*[[a] for a in true], 0.01, 0.9, 0.999, eps, 3)
                for a, b in zip(ours, true, strict=True):
                    tiny = float(np.finfo(float).tiny)
                    np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-14 * scale if a is ours[0] else tiny)
