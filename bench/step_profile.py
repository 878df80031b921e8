"""Where the time of a training step goes, kernel by kernel: ``python bench/step_profile.py``.

Each kernel is timed by itself, turn by turn with the whole step and with the walk over its layers, which does the same.
What the step takes beyond its kernels lies between them.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import limits
import numpy as np
from goals import Line, Outcome, Probe, timed

import fastlayers
from fastlayers._core import backend
from fastlayers.command import cases
from fastlayers.command.terminal import human

NETWORK = cases.NETWORKS[0]
NUMBERS = cases.Network((1,) * len(NETWORK.widths), 1)  # the same kernels, on one number each
DTYPE = "float32"
STEP, WALK = "as one call", "layer by layer"


@dataclass(frozen=True)
class LayerByLayer:
    """A step that is no compiled call while it is timed."""

    step: cases.Call

    def timer(self) -> Self:
        return self

    def timeit(self, number: int) -> float:
        before, backend.fuses = backend.fuses, False
        try:
            return self.step.timer().timeit(number)
        finally:
            backend.fuses = before


def kernels_of(network: cases.Network) -> dict[str, tuple[cases.Call, limits.Work]]:
    """The kernels of a step with the step's arrays, in its order, and what each has to do."""
    kernels, loss_layer = backend.kernels, fastlayers.SoftmaxWithLoss()
    parameters, x, t = network.data(DTYPE)
    n, found, kept = network.batch, {}, []

    def call(name: str, work: limits.Work, *args: Any) -> Any:
        made = cases.Call(getattr(kernels, name.split()[0]), args, {})
        found[f"{len(found) + 1}. {name}"] = made, work
        return made.function(*args)

    def array(*shape: int, dtype: str = DTYPE) -> Any:
        return np.empty(shape, dtype)

    last = len(parameters) - 1
    for i, (W, b) in enumerate(parameters):
        d, m = W.shape
        y = call(f"affine_forward {n}x{d}x{m}", limits.product(n, d, m), x, W, b, array(n, m))
        mask = None
        if i < last:
            y, mask = call(
                f"relu_forward {n}x{m}", limits.elements(n * m, 9), y, (array(n, m), array(n, m, dtype="bool"))
            )
        kept.append((x, W, mask))
        x = y
    loss_work = limits.exponentials(n * m, 3, 4)
    _, _, dout = call(f"softmax_with_loss {n}x{m}", loss_work, x, t, loss_layer._memory)
    grads: list[Any] = []
    for i, (x, W, mask) in reversed([*enumerate(kept)]):
        d, m = W.shape
        if mask is not None:
            dout = call(f"relu_backward {n}x{m}", limits.elements(n * m, 9), dout, mask, array(n, m))
        out, size = (array(n, d) if i else None, array(d, m), array(m)), f"{n}x{d}x{m}"
        if i:
            work, name = limits.both_products(n, d, m), f"affine_backward {size}"
        else:  # x^T dout
            work, name = limits.product(d, n, m), f"affine_backward {size} without dx"
        dout, *of_layer = call(name, work, dout, x, W, bool(i), out)
        grads = [*of_layer, *grads]
    params = [array for pair in parameters for array in pair]
    size = sum(param.size for param in params)
    call(f"sgd_update of {size:,} numbers", limits.elements(size, 12, 2), params, grads, 0.0)
    assert [d * m for d, m in pairwise(network.widths)] == [dW.size for dW in grads[::2]]
    return found


def measure(pace: float) -> Outcome:
    kernels, numbers = kernels_of(NETWORK), kernels_of(NUMBERS)
    steps = {name: NETWORK.step(fastlayers, DTYPE) for name in (STEP, WALK)}
    calls = {
        STEP: steps[STEP],
        WALK: LayerByLayer(steps[WALK]),
        **{name: call for name, (call, _) in kernels.items()},
        **{f"{name}, one number": call for name, (call, _) in numbers.items()},
    }
    times = timed(calls, 8.0 * pace)
    whole, of_kernels = times[STEP], sum(times[name] for name in kernels)
    of_calls = sum(times[f"{name}, one number"] for name in numbers)

    def line(what: str, seconds: float, work: limits.Work | None = None) -> Line:
        shown = Line(13, what, human(seconds), "the step", human(whole), f"{seconds / whole:.0%}")
        return limits.beside(shown, seconds, work)

    lines = [
        *(line(name, times[name], work) for name, (_, work) in kernels.items()),
        line("all kernels", of_kernels),
        line("of which their calls alone", of_calls),
        line("between the kernels", whole - of_kernels),
        line(f"the step, {STEP}", whole, limits.training(NETWORK)),
        line(f"the step, {WALK}", times[WALK]),
    ]
    return Outcome(lines, {})


PROFILE = Probe(13, "profile", measure)

if __name__ == "__main__":
    import page

    fastlayers.set_num_threads(1)
    for shown in measure(1.0).lines:
        print(page.terminal(shown))
