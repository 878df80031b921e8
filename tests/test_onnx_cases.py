"""ONNX's own cases of operators that layers stand for: input, attributes and output, as the package onnx has them."""

import functools
import importlib
import sys
import warnings

import numpy as np
import pytest

import fastlayers as fl

onnx = pytest.importorskip("onnx")
pytestmark = pytest.mark.usefixtures("implementation")


class CannotError(Exception):
    """What a layer has no way to say."""


def windows(attributes, arrays):
    """The stride and the margins of windows over images."""
    if len(arrays[0].shape) != 4:
        raise CannotError("images have two sides")
    for name, only in (("auto_pad", b"NOTSET"), ("ceil_mode", 0)):
        if attributes.pop(name, only) != only:
            raise CannotError(f"there is no {name}")
    top, left, bottom, right = attributes.pop("pads", (0, 0, 0, 0))
    if (top, left) != (bottom, right):
        raise CannotError("margins are as wide at both sides")
    return tuple(attributes.pop("strides", (1, 1))), (top, left)


def pooling(kind, attributes, arrays, **options):
    """The layer of a pooling's attributes."""
    stride, pad = windows(attributes, arrays)
    attributes.pop("storage_order", None)  # of the indices, which are another output
    if set(attributes.pop("dilations", (1, 1))) != {1}:
        raise CannotError("windows have no dilation")
    return kind(*attributes.pop("kernel_shape"), stride, pad, **options).forward


def convolution(attributes, arrays):
    stride, pad = windows(attributes, arrays)
    attributes.pop("kernel_shape", None)  # which W has too
    options = {"dilation": tuple(attributes.pop("dilations", (1, 1))), "groups": attributes.pop("group", 1)}
    return lambda x, W, b=None: fl.Convolution(W, b, stride, pad, **options).forward(x)


def batch_normalization(attributes, arrays):
    training, eps = bool(attributes.pop("training_mode", 0)), attributes.pop("epsilon", 1e-5)
    momentum = attributes.pop("momentum", 0.9)
    return lambda x, *given: fl.BatchNormalization(*given[:2], momentum, *given[2:], eps=eps).forward(x, training)


def average_pooling(attributes, arrays):
    counts = bool(attributes.pop("count_include_pad", 0))
    return pooling(fl.AveragePooling, attributes, arrays, count_include_pad=counts)


def flatten(attributes, arrays):
    if attributes.pop("axis", 1) % arrays[0].ndim != 1:
        raise CannotError("the first axis alone is that of the samples")
    return fl.Flatten().forward


def global_average_pooling(attributes, arrays):
    return lambda x: fl.GlobalAveragePooling().forward(x)[:, :, np.newaxis, np.newaxis]


def gather(attributes, arrays):
    if attributes.pop("axis", 0) != 0:
        raise CannotError("the rows of a table are along its first axis")
    if (arrays[1] < 0).any():
        raise CannotError("an index below 0 is refused")
    return lambda table, idx: fl.embedding_forward(idx, table)


# Of each operator what makes, of its attributes and input, the function of its input; each takes the attributes that it
# knows away. And how many of ONNX's cases it can be held to, at least.
OPERATORS = {
    "AveragePool": (average_pooling, 7),
    "BatchNormalization": (batch_normalization, 4),
    "Conv": (convolution, 5),
    "Flatten": (flatten, 3),
    "Gather": (gather, 1),
    "GlobalAveragePool": (global_average_pooling, 2),
    "MaxPool": (functools.partial(pooling, fl.Pooling), 8),
}


MODULES = {"BatchNormalization": "batch_normalization"}  # where it is not the operator's name


@functools.cache
def cases(operator):
    """Those of a module of ONNX's, by name: the node, what goes in and what comes out.

    A class of its `Base` makes all of its cases when it is imported, those of three sides too, which takes long.
    """
    found = {}

    def expect(node, inputs, outputs, name, **_):
        found[name] = (node, inputs, outputs)

    name = f"onnx.backend.test.case.node.{MODULES.get(operator, operator.lower())}"
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.delitem(sys.modules, name, raising=False)
        patch.setattr("onnx.backend.test.case.base.Base", object)
        patch.setattr("onnx.backend.test.case.node.expect", expect)
        exports = vars(getattr(importlib.import_module(name), operator))
        for export in exports:
            if export.startswith("export") and "3d" not in export:
                exports[export].__func__()
        patch.delitem(sys.modules, name)
    return found


def is_held(name, node, arrays, results):
    """Whether a case can be expressed; then it is, and its output seen to be right."""
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    try:
        function = OPERATORS[node.op_type][0](attributes, arrays)
    except CannotError:
        return False
    assert not attributes, f"{name} has attributes that nothing is known of"
    y = function(*arrays)
    assert y.shape == results[0].shape
    np.testing.assert_allclose(y, results[0], rtol=1e-5, atol=1e-6, err_msg=name)
    return True


@pytest.mark.parametrize("operator", OPERATORS)
def test_cases_of_an_operator(operator):
    assert sum(is_held(name, *case) for name, case in cases(operator).items()) >= OPERATORS[operator][1]
