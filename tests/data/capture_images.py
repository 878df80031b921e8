"""Capture what PyTorch says of its own inputs of what works on images into ``images.npz``, so that no test needs it.

Needs the packages ``torch`` and ``expecttest``; run it where the samples should change::

    python tests/data/capture_images.py

The archive has all distinct arrays one behind another, those of a type together, and ``samples``, JSON text: for each
sample the operator's name, its options by their names, the order of x's axes in memory, and of each array that it is
given or that comes of it the type, start and shape. All is in float64, but indices, and gradients are those of
``sum(cos(0, 1, 2, ...) * y)``.
"""

import inspect
import json
from pathlib import Path

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db

ARCHIVE = Path(__file__).with_name("images.npz")

# The names of what follows the input, as PyTorch's documentation has them: its own functions are compiled.
NAMES = {
    "avg_pool2d": ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"),
    "batch_norm": tuple(inspect.signature(torch.nn.functional.batch_norm).parameters)[1:],
    "conv2d": ("weight", "bias", "stride", "padding", "dilation", "groups"),
    "max_pool2d": (),  # all of it is named
}


def samples(name):
    """Options and arrays of each sample of an operator, with what it gives, and the gradients of what is trained."""
    operators = [op for op in op_db if op.name == f"nn.functional.{name}"]
    for operator in operators:
        torch.manual_seed(0)
        for sample in operator.sample_inputs("cpu", torch.float64, requires_grad=True):
            options = dict(zip(NAMES[name], sample.args, strict=False)) | sample.kwargs
            given = {"x": sample.input} | {k: v for k, v in options.items() if isinstance(v, torch.Tensor)}
            before = {k: v.detach().numpy().copy() for k, v in given.items()}  # running statistics are written to
            result = operator.op(sample.input, *sample.args, **sample.kwargs)
            y, *others = result if isinstance(result, tuple) else (result,)
            dout = torch.cos(torch.arange(y.numel(), dtype=y.dtype)).reshape(y.shape)
            trained = {k: v for k, v in given.items() if v.requires_grad}
            gradients = torch.autograd.grad(y, trained.values(), dout, allow_unused=True)
            found = {"y": y} | {f"d{k}": v for k, v in zip(trained, gradients, strict=True) if v is not None}
            found |= dict(zip(("indices",), others, strict=False))
            found |= {f"new_{k}": given[k] for k in ("running_mean", "running_var") if k in given}
            order = sorted(range(y.ndim), key=lambda axis: -sample.input.stride(axis))
            options = {k: v for k, v in options.items() if k not in given and v is not None}
            yield options, order, before | {k: v.detach().numpy() for k, v in found.items()}


def pack(archive, samples):
    """Write an archive of samples: each an operator's name, options, order and arrays."""
    kept, places, cases = {}, {}, []
    for operator, options, order, given in samples:
        case = {"operator": operator, "options": options, "order": order, "arrays": {}}
        for role, array in given.items():
            kind, numbers = array.dtype.name, array.ravel()
            together = kept.setdefault(kind, [])
            place = places.setdefault((kind, numbers.tobytes()), sum(map(len, together)))
            if place == sum(map(len, together)):
                together.append(numbers)
            case["arrays"][role] = kind, place, array.shape
        cases.append(case)
    members = {kind: np.concatenate(arrays) for kind, arrays in kept.items()}
    np.savez_compressed(archive, samples=np.array(json.dumps(cases)), **members)
    print(f"{len(cases)} samples, {len(places)} arrays, {archive.stat().st_size} bytes")


if __name__ == "__main__":
    pack(ARCHIVE, [(operator, *sample) for operator in NAMES for sample in samples(operator)])
