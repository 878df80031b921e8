"""The bugs that `mutations.py` plants: one in a kernel, a rule, a format or the training each."""

from typing import NamedTuple


class Mutation(NamedTuple):
    """A bug: in which file of the package, what stands there, what instead, what it breaks, and the tests near it."""

    file: str
    old: str
    new: str
    breaks: str
    tests: str


MUTATIONS = (
    # Kernels
    Mutation(
        "kernels/relu.pyx",
        "return <floating> 0 if x <= <floating> 0 else x",
        "return <floating> 0 if x < <floating> 0 else x",
        "relu gives -0.0 for -0.0",
        "relu",
    ),
    Mutation(
        "kernels/leaky_relu.pyx",
        "return slope * value if masked else value",
        "return slope * value if masked and value == value else <floating> 0 if masked else value",
        "leaky_relu_backward loses a nan behind the mask",
        "leaky_relu agreement",
    ),
    Mutation(
        "kernels/dropout.pyx",
        "y[i] = value if draws[i] >= least else <floating> 0",
        "y[i] = value if draws[i] > least else <floating> 0",
        "dropout drops a draw that is exactly p, though its mask keeps it",
        "dropout agreement",
    ),
    Mutation(
        "kernels/sigmoid.pyx",
        "return dout * y * (<floating> 1 - y)",
        "return dout * (y - y * y)",
        "sigmoid_backward loses its digits where y is near 1",
        "sigmoid accuracy",
    ),
    Mutation(
        "kernels/tanh.pyx",
        "return dout * ((<floating> 1 - y) * (<floating> 1 + y))",
        "return dout * (<floating> 1 - y * y)",
        "tanh_backward loses its digits where |y| is near 1",
        "tanh accuracy",
    ),
    Mutation(
        "kernels/program/step.pyx",
        "if version_of(self.kind) != self.version:",
        "if version_of(self.kind) == 0 != self.version:",
        "a network as one call does not see that a layer's class has changed",
        "program",
    ),
    Mutation(
        "kernels/program/step.pyx",
        "db = None if <object> params[1] is None else part(result, 2)",
        "db = part(result, 2)",
        "a network as one call gives a layer without a bias a gradient of one",
        "program",
    ),
    Mutation(
        "kernels/softmax.pyx",
        "return quotient if 2 * others < e_top else <floating> e_top * scale[0]",
        "return <floating> e_top * scale[0]",
        "a probability of softmax may exceed 1 by a rounding",
        "probabilities softmax",
    ),
    Mutation(
        "kernels/mean_squared_error.pyx",
        "factor = <floating> ((2 if delta == INFINITY else 1) / work.divisor)",
        "factor = <floating> ((2 if delta == INFINITY else 1) / work.divisor) * <floating> 1.00001",
        "the gradient of the mean squared error is 1e-5 too large",
        "mean_squared_error",
    ),
    Mutation(
        "kernels/adam.pyx",
        "return 0 if -least < x < least else x",
        "return x",
        "the state of Adam stays subnormal",
        "optimizers",
    ),
    Mutation(
        "kernels/common/pool.pyx",
        "pool.task, pool.work, pool.stop, pool.piece = task, work, n, piece",
        "pool.task, pool.work, pool.stop, pool.piece = task, work, n - (n > piece), piece",
        "the last unit of a call that is shared among threads is not worked on",
        "threads",
    ),
    # Rules about input and results
    Mutation(
        "_core/arguments.py",
        "if array.dtype != bool:",
        "if array.dtype.kind not in 'bu':",
        "a mask of unsigned integers is taken",
        "relu leaky_relu agreement",
    ),
    Mutation(
        "_core/arguments.py",
        "if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):",
        "if False:",
        "masked entries are taken for numbers",
        "hostile",
    ),
    Mutation(
        "_core/results.py",
        "    if not target.flags.writeable:\n",
        "    if not target.flags.writeable and target.flags.owndata:\n",
        "a read-only view is no longer refused by name",
        "out agreement",
    ),
    Mutation(
        "_core/results.py",
        "    _check_apart([target for target in targets if target is not None])\n",
        "",
        "two results are written into the same memory",
        "out",
    ),
    Mutation(
        "functional/_elementwise.py",
        '    same_shape("dout", dout, name, kept)\n',
        "",
        "sigmoid_backward and tanh_backward broadcast",
        "tanh sigmoid",
    ),
    Mutation(
        "formulas/affine.py",
        "columns.sum(axis=1, dtype=wider(dout)).astype(dout.dtype)",
        "columns.sum(axis=1)",
        "the reference's db of float32 loses digits in a long batch",
        "affine agreement",
    ),
    # Formats
    Mutation(
        "formats/npz.py",
        "    if len(data) - header.end() != math.prod(shape) * dtype.itemsize:",
        "    if len(data) - header.end() < math.prod(shape) * dtype.itemsize:",
        "an array in a model file may have more bytes than its shape says",
        "hostile_files forged_files model_file",
    ),
    Mutation(
        "formats/state_dict.py",
        "    if array.shape != expected:",
        "    if array.size != param.size:",
        "a state_dict's weights of another shape are taken",
        "state_dict",
    ),
    Mutation(
        "formats/modules.py",
        "return int(part) if part.isdecimal() else part",
        "return part",
        "module 10 of a state_dict is put before module 2",
        "state_dict safetensors",
    ),
    Mutation(
        "formats/modules.py",
        "        if not _are_ordered(group):",
        "        if False:",
        "modules of a state_dict of the same shapes are permuted in silence",
        "state_dict_names",
    ),
    Mutation(
        "formats/state_dict.py",
        "_TO_PYTORCH, _FROM_PYTORCH = (2, 0, 1, 3), (1, 2, 0, 3)",
        "_TO_PYTORCH, _FROM_PYTORCH = (1, 2, 0, 3), (2, 0, 1, 3)",
        "an LSTM's gates go to PyTorch in another order",
        "state_dict_sequences torch_sequences",
    ),
    Mutation(
        "formats/onnx_recurrent.py",
        "        parts[0] = -parts[0]",
        "        parts[0] = +parts[0]",
        "a GRU in ONNX keeps what is to be new",
        "onnx_sequences",
    ),
    # Training
    Mutation(
        "training/loop.py",
        "                if training.stop:\n                    break\n        self._count",
        "        self._count",
        "a callback does not stop an epoch midway",
        "callbacks",
    ),
    Mutation(
        "training/evaluation.py",
        "return [min(batch_size, samples - start) for start in starts]",
        "return [batch_size for start in starts]",
        "the smaller last batch counts like a whole one in the epoch's loss",
        "fit history",
    ),
    Mutation(
        "callbacks.py",
        "training.stop = training.stop or self.waited >= self.patience",
        "training.stop = training.stop or self.waited > self.patience",
        "EarlyStopping waits an epoch too long",
        "callbacks watching",
    ),
    Mutation(
        "optimizers/_base.py",
        '            raise ValueError(f"grads has no entry for the parameter {missing[0]!r}")',
        "            return [], [], []",
        "a parameter whose gradient is missing is passed over",
        "optimizers hostile_optimizers",
    ),
    Mutation(
        "schedules.py",
        "return self.lr * ((step + 1) / self.warmup)",
        "return self.lr * (step / self.warmup)",
        "a warm-up begins with a step of length 0",
        "schedules",
    ),
    Mutation(
        "training/batches.py",
        "x, t, weights = (_gathered(a, order, slice(i, i + together)) for a in data)",
        "x, t, weights = (_gathered(a, order if a is data.x else None, slice(i, i + together)) for a in data)",
        "samples are shuffled, and their targets are not",
        "fit",
    ),
)
