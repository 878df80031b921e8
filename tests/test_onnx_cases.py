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
    axis = attributes.pop("axis", 0)
    if (arrays[1] < 0).any():
        raise CannotError("an index below 0 is refused")

    def gathered(table, idx):
        """Rows of the table whose first axis is the one that is asked for; theirs come behind the indices' axes."""
        rows = fl.embedding_forward(idx, np.moveaxis(table, axis, 0))
        return np.moveaxis(rows, range(idx.ndim), range(axis, axis + idx.ndim))

    return gathered


# Of a recurrent operator our layer, and for each of our gates its place among those of the operator.
RECURRENT = {"RNN": (fl.TimeRNN, (0,)), "GRU": (fl.TimeGRU, (0, 1, 2)), "LSTM": (fl.TimeLSTM, (2, 3, 0, 1))}


def recurrent(operator, attributes, arrays):
    """All its outputs by their names, of the layers of its directions."""
    names = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
    kind, order = RECURRENT[operator]
    attributes.pop("hidden_size")
    direction, batchwise = attributes.pop("direction", b"forward"), attributes.pop("layout", 0)
    if len(arrays) == len(names):
        raise CannotError("there are no peepholes")

    def gates(array):
        """From i, o, f, c of the first axis; a GRU's z is 1 less ours."""
        parts = np.split(array, len(order))
        if operator == "GRU":
            parts[0] = -parts[0]
        return np.concatenate([parts[i] for i in order])

    def run(*arrays):
        given = dict(zip(names, arrays, strict=False))
        x = given["X"] if batchwise else given["X"].transpose(1, 0, 2)
        B = given.get("B", np.zeros((len(given["W"]), 2 * given["W"].shape[1]), np.float32))
        layers = [
            kind(gates(W).T, gates(R).T, gates(np.add(*np.split(b, 2))))
            for W, R, b in zip(given["W"], given["R"], B, strict=True)
        ]
        ways = {b"forward": (1,), b"reverse": (-1,), b"bidirectional": (1, -1)}[direction]
        if operator == "LSTM" and len(layers) == 2:
            params = [array for layer in layers for array in layer.params]
            both = fl.TimeBiLSTM(*params)
            layers = [both.forward_lstm, both.backward_lstm]
            hs = both.forward(x).reshape(*x.shape[:2], 2, -1)
        else:
            hs = np.stack([layer.forward(x[:, ::way])[:, ::way] for layer, way in zip(layers, ways, strict=True)], 2)
        last = {
            f"Y_{of}": np.stack([getattr(layer, of) for layer in layers])
            for of in ("hc" if kind is fl.TimeLSTM else "h")
        }
        if batchwise:
            return {"Y": hs} | {name: array.swapaxes(0, 1) for name, array in last.items()}
        return {"Y": hs.transpose(1, 2, 0, 3)} | last

    return run


# Of each operator what makes, of its attributes and input, the function of its input; each takes the attributes that it
# knows away. And how many of ONNX's cases it can be held to, at least.
OPERATORS = {
    "AveragePool": (average_pooling, 7),
    "BatchNormalization": (batch_normalization, 4),
    "Conv": (convolution, 5),
    "Flatten": (flatten, 3),
    "GRU": (functools.partial(recurrent, "GRU"), 6),
    "Gather": (gather, 3),
    "GlobalAveragePool": (global_average_pooling, 2),
    "LSTM": (functools.partial(recurrent, "LSTM"), 5),
    "MaxPool": (functools.partial(pooling, fl.Pooling), 8),
    "RNN": (functools.partial(recurrent, "RNN"), 6),
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
    found = function(*arrays)
    given = [output for output in node.output if output]
    for output, result in zip(given, results, strict=False):  # layers have the first alone, where they have one
        y = found if isinstance(found, np.ndarray) else found[output]
        assert y.shape == result.shape
        np.testing.assert_allclose(y, result, rtol=1e-5, atol=1e-6, err_msg=f"{output} of {name}")
        if y is found:
            break
    return True


@pytest.mark.parametrize("operator", OPERATORS)
def test_cases_of_an_operator(operator):
    assert sum(is_held(name, *case) for name, case in cases(operator).items()) >= OPERATORS[operator][1]
