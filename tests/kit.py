"""What the tests share: implementations, arrays of each dtype and layout, comparisons, bad calls."""

import importlib
import os
import pkgutil
import re
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import fastlayers as fl
from fastlayers import formulas, functional
from fastlayers._core import backend


def _expected_levels():
    if os.environ.get("FASTLAYERS_TEST_PURE") == "1":
        return []
    try:
        return backend.supported_levels()
    except ImportError:
        return ["baseline"]  # asking for it gives the error that says why


SHORT = False  # set by conftest.py where a sample of the cases runs, and of what is too long for it a part
REST = False  # and where what such a run leaves is done, as every change has it
INTERNAL = re.compile(  # classes that no message shows: of modules that begin with _, and of these folders
    r"fastlayers\.(\w+\.)*_\w+\.[A-Z]|\b("
    + "|".join(
        name
        for folder in ("command", "sklearn")
        for file in (Path(fl.__file__).parent / folder).glob("*.py")
        for name in re.findall(r"^class (\w+)", file.read_text("utf-8"), re.MULTILINE)
        if re.search("_|.[A-Z]", name) and not name.startswith("MLP")
    )
    + r")\b"
)
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))  # a CPython without the GIL
LEVELS = _expected_levels()
# A process that is held to one instruction set tests that alone, with the reference beside the highest.
HELD = [level for level in LEVELS if level == os.environ.get("FASTLAYERS_ISA")]
TESTED = HELD or LEVELS
BEST = TESTED[-1:]
IMPLEMENTATIONS = [*(["reference"] if LEVELS[-1:] == BEST else []), *TESTED]


def formula(name):
    """The function of `formulas` of this name."""
    modules = (
        importlib.import_module(f"fastlayers.formulas.{m.name}") for m in pkgutil.iter_modules(formulas.__path__)
    )
    return next(getattr(module, name) for module in modules if hasattr(module, name))


def rule(name):
    """What a function asks of its input, which stands below it."""
    return getattr(sys.modules[getattr(functional, name).__module__], f"_{name}")


def kernels_of(implementation):
    """What `backend.kernels` is for an implementation."""
    if implementation == "reference":
        return backend._DECLINES
    try:
        return backend.load_level(implementation)
    except ImportError as error:
        raise ImportError(
            f"{implementation} is missing: {error}; to get the kernels, {backend.how_to_build()}"
        ) from error


def amount(*, short, rest, every):
    """How much of what a test has without end: in a short run, in one with ``--rest``, in one with ``--all``."""
    return short if SHORT else rest if REST else every


# Dtypes, shapes, sizes, values

FAST = (np.float32, np.float64)
FLOATS = (np.float16, *FAST, np.longdouble)
INTEGERS = (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64)
REAL = (*FLOATS, np.bool_, *INTEGERS)
NOT_REAL = {
    "complex": np.array([1 + 2j, 3j]),
    "object": np.array([1.0, None], dtype=object),
    "str": np.array(["a", "b"]),
    "bytes": np.array([b"a", b"b"]),
    "datetime": np.array(["2020-01-01", "2020-01-02"], dtype="M8[D]"),
    "none": None,
    "text": "1.0",
    "complex scalar": 1j,
}
SHAPES = ((), (1,), (7,), (0,), (3, 5), (0, 4), (4, 0), (2, 3, 4), (2, 0, 3), (2, 3, 1, 5))
SIZES = (*range(71), 127, 128, 129, 1023, 1024, 1025)  # round every vector width


def numbers(shape, dtype, seed=0):
    """Numbers of both signs (where the dtype has them), some of them 0, that no dtype overflows on."""
    rng = np.random.default_rng([seed, *shape])
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return np.where(rng.random(shape) < 0.1, 0, 3 * rng.standard_normal(shape)).astype(dtype)
    return rng.integers(0 if dtype.kind in "ub" else -5, 2 if dtype.kind == "b" else 6, shape).astype(dtype)


def specials(dtype):
    """Infinities, NaN, signed zeros, subnormals, the extremes, and the places where exp saturates."""
    info = np.finfo(dtype)
    edges = [
        info.smallest_subnormal,
        info.tiny,
        info.eps,
        info.max,
        np.inf,
        0.0,
        1.0,
        9.7,
        17.4,
        87.4,
        88.8,
        104.0,
        709.8,
        745.2,
    ]
    positive = np.array(edges, dtype=dtype)
    return np.concatenate([positive, -positive, np.array([np.nan, -np.nan], dtype=dtype)])


# Layouts: each gives an array of the same values


class Tagged(np.ndarray):
    """A subclass; every result is a plain ndarray."""


def _every_second(a):
    space = np.zeros([2 * n for n in a.shape], a.dtype)[(*[slice(None, None, 2)] * a.ndim, ...)]
    space[...] = a
    return space


def _reversed(a):
    back = (*[slice(None, None, -1)] * a.ndim, ...)
    return a[back].copy()[back]


def _unaligned(a):
    space = np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    space[...] = a
    return space


def _read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


LAYOUTS = {
    "contiguous": lambda a: a.copy(),
    "fortran": lambda a: np.array(a, order="F"),
    "permuted": lambda a: np.array(np.swapaxes(a, 0, 1), order="C").swapaxes(0, 1) if a.ndim > 1 else a.copy(),
    "every second": _every_second,
    "reversed": _reversed,
    "unaligned": _unaligned,
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "read-only": _read_only,
    "subclass": lambda a: a.copy().view(Tagged),
    "odd offset": lambda a: np.concatenate([np.zeros(1, a.dtype), a.ravel()])[1:].reshape(a.shape),
}


# How many arrays a function is given, and what keywords it must have beside them, as its entry in `families` says.
NEEDED = {}


def of(owner, name):
    """The function of this name, with the keywords that it must have where it is given arrays alone."""
    function, (arrays, needed) = getattr(owner, name), NEEDED.get(name, (0, {}))
    if not needed:
        return function

    def given(*args, **kwargs):
        found = {} if len(args) != arrays else needed(*args) if callable(needed) else needed
        if ".kernels." in owner.__name__:  # which may take them by place alone
            args, found = (*args, *found.values()), {}
        return function(*args, **found | kwargs)

    return given


def call(name, *args, **kwargs):
    return of(functional, name)(*args, **kwargs)


def reference(name, *args, **kwargs):
    return of(fl.reference, name)(*args, **kwargs)


def flat(result):
    """A result as a tuple of its parts."""
    return result if isinstance(result, tuple) else (result,)


def arrays(result):
    """The arrays of a result: all but the loss, and without the dx that was not asked for."""
    return tuple(part for part in flat(result) if isinstance(part, np.ndarray))


def assert_same(actual, expected):
    """Equal to the last bit (any NaN equals any NaN), a plain ndarray of equal dtype and shape."""
    assert type(actual) is np.ndarray
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    np.testing.assert_array_equal(actual, expected)
    number = ~np.isnan(actual)
    np.testing.assert_array_equal(np.signbit(actual[number]), np.signbit(expected[number]))


def assert_close(actual, expected, ulps=8):
    """Within `ulps` epsilons of its dtype, relative to each value; `expected` may be wider."""
    assert type(actual) is np.ndarray
    assert actual.shape == expected.shape
    info = np.finfo(actual.dtype)
    np.testing.assert_allclose(
        actual.astype(np.longdouble), expected.astype(np.longdouble), rtol=ulps * float(info.eps), atol=float(info.tiny)
    )


def assert_layout(actual, source):
    """Fortran's where the source has Fortran's alone, else C's."""
    fortran = source.flags.f_contiguous and not source.flags.c_contiguous
    assert actual.flags.f_contiguous if fortran else actual.flags.c_contiguous


def outcome(function, *args, **kwargs):
    """A result, or the type and message of what was raised."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        return type(error), str(error)


@dataclass(frozen=True)
class Bad:
    """A call that must raise `error`, with all of `words` in its message."""

    name: str
    args: tuple[Any, ...]
    error: type[Exception]
    words: tuple[str, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)

    def check(self):
        """The right type and message, the same from the implementation in use as from the reference."""
        raised = outcome(call, self.name, *self.args, **self.kwargs)
        assert isinstance(raised, tuple), "nothing was raised"
        assert isinstance(raised[0], type), "nothing was raised"
        assert raised[0] is self.error, raised
        for word in self.words:
            assert word in raised[1]
        assert raised == outcome(reference, self.name, *self.args, **self.kwargs)
