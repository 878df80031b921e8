"""Capture what ONNX and PyTorch say of the cross-entropy loss into ``cross_entropy.npz``, so that no test needs them.

Needs the packages ``onnx``, ``torch`` and ``expecttest``; run it where the cases should change::

    python tests/data/capture_cross_entropy.py

The archive has each distinct array once, and ``cases``, JSON text: for each case its name, its options, and the
names of its arrays: ``x``, ``t``, ``loss``, and ``weight``, ``dx`` or ``log_prob`` where it has them.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx.backend.test.loader import load_model_tests
from torch.testing._internal.common_modules import module_db

ARCHIVE = Path(__file__).with_name("cross_entropy.npz")


def onnx_cases():
    """Name, options and arrays of each node case of SoftmaxCrossEntropyLoss; an expanded twin is the same once more."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other operators' cases
        tests = load_model_tests(kind="node")
    for test in tests:
        (node, *others) = test.model.graph.node
        if others or node.op_type != "SoftmaxCrossEntropyLoss":
            continue
        options = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        options = {name: value.decode() if isinstance(value, bytes) else value for name, value in options.items()}
        for inputs, outputs in test.data_sets:
            arrays = dict(zip(("x", "t", "weight"), inputs, strict=False))
            arrays |= dict(zip(("loss", "log_prob"), outputs, strict=False))
            yield test.name, options, {name: np.asarray(array) for name, array in arrays.items()}


def torch_cases():
    """The same of each input that PyTorch tests its own module with, with the gradient of the loss or of its sum."""
    (info,) = (info for info in module_db if info.module_cls is torch.nn.CrossEntropyLoss)
    torch.manual_seed(0)
    given = info.module_inputs_func(info, device="cpu", dtype=torch.float64, requires_grad=True, training=False)
    for one in given:
        options = dict(one.constructor_input.kwargs)
        x, t = one.forward_input.args
        x = x.detach().requires_grad_()
        loss = torch.nn.CrossEntropyLoss(**options)(x, t)
        (dx,) = torch.autograd.grad(loss.sum(), x)
        arrays = {"x": x, "t": t, "loss": loss, "dx": dx}
        if "weight" in options:
            arrays["weight"] = options.pop("weight")
        yield f"torch_{one.desc}", options, {name: array.detach().numpy() for name, array in arrays.items()}


def capture():
    """Write the archive."""
    arrays, cases = {}, []
    for name, options, given in [*onnx_cases(), *torch_cases()]:
        case = {"name": name, "options": options}
        for role, array in given.items():
            key = array.dtype.str, array.shape, array.tobytes()
            case[role], _ = arrays.setdefault(
                key, (f"a{len(arrays)}", np.ascontiguousarray(array).reshape(array.shape))
            )
        cases.append(case)
    np.savez_compressed(ARCHIVE, cases=np.array(json.dumps(cases)), **dict(arrays.values()))
    print(f"{len(cases)} cases, {len(arrays)} arrays, {ARCHIVE.stat().st_size} bytes")


if __name__ == "__main__":
    capture()
