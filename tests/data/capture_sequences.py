"""Capture what PyTorch's recurrent modules make of its own inputs of them into ``sequences.npz``, so no test needs it.

Needs the packages ``torch`` and ``expecttest``; run it where the samples should change::

    python tests/data/capture_sequences.py

PyTorch's samples have one sequence each: here it is a batch of two, of which the second goes the other way. The k-th
parameter is ``cos(k), cos(k + 1), ...`` halved, and gradients are those of ``sum(cos(0, 1, 2, ...) * y)``, of a cell
over h and c side by side; those of parameters are of float32, and ``dbias_hh``, which is ``dbias_ih``, is left out.
What comes of a GRU is not of PyTorch's module, whose reset is applied after the product, but of its operations and
autograd, as Cho et al. have the formula. The archive is as ``capture_images.py`` says; a sample that no layer stands
for has no arrays.
"""

from pathlib import Path

import torch
from capture_images import pack
from torch.testing._internal.common_modules import module_db

ARCHIVE = Path(__file__).with_name("sequences.npz")
MODULES = (torch.nn.RNN, torch.nn.LSTM, torch.nn.GRU, torch.nn.RNNCell, torch.nn.LSTMCell, torch.nn.GRUCell)


def gru_step(x, h, W_ih, W_hh, *biases):
    """One step of a GRU whose reset comes before the product; gates in PyTorch's order, r z n, z that of the last h."""
    (of_r, of_z, of_n), (hr, hz, hn) = (x @ W_ih.T + sum(biases)).chunk(3, 1), W_hh.chunk(3)
    r, z = torch.sigmoid(of_r + h @ hr.T), torch.sigmoid(of_z + h @ hz.T)
    return z * h + (1 - z) * torch.tanh(of_n + (r * h) @ hn.T)


def gru(module, x, h):
    """All steps of all layers."""
    last = []
    for state, params in zip(h, module.all_weights, strict=True):
        steps = []
        for step in x.unbind(1):
            state = gru_step(step, state, *params)
            steps.append(state)
        x = torch.stack(steps, 1)
        last.append(state)
    return x, torch.stack(last)


def results(module, x, states):
    """The outputs of all steps and the last states; of a cell these alone."""
    if isinstance(module, torch.nn.GRU):
        return gru(module, x, *states)
    if isinstance(module, torch.nn.GRUCell):
        return (gru_step(x, *states, *module.parameters()),)
    found = module(x, tuple(states) if len(states) > 1 else states[0])
    if not isinstance(found, tuple):
        return (found,)
    return found if isinstance(module, torch.nn.LSTMCell) else (found[0], *(found[1] if len(states) > 1 else found[1:]))


def both_ways(array, axis, along):
    """The array, and beside it the same from its end."""
    return torch.stack([array, array.flip(along)], axis).requires_grad_()


def arrays(module, inputs):
    """What a module is given and gives, and the gradients."""
    is_cell = isinstance(module, torch.nn.RNNCellBase)
    x, given = both_ways(inputs[0], 0, 0), inputs[1] if len(inputs) > 1 else ()
    given = [both_ways(state, -2, -1) for state in (given if isinstance(given, tuple) else (given,))]
    with torch.no_grad():
        for k, parameter in enumerate(module.parameters()):
            parameter.copy_(torch.cos(k + torch.arange(parameter.numel(), dtype=x.dtype)).reshape(parameter.shape) / 2)
    directions = 1 + getattr(module, "bidirectional", False)
    shape = (2, module.hidden_size) if is_cell else (module.num_layers * directions, 2, module.hidden_size)
    states = given or [torch.zeros(shape, dtype=x.dtype) for _ in range(1 + isinstance(module, torch.nn.LSTM))]
    found = results(module, x, states)
    y = torch.cat(found, 1) if is_cell else found[0]
    dout = torch.cos(torch.arange(y.numel(), dtype=y.dtype)).reshape(y.shape)
    trained = {"x": x, **dict(zip("hc", given, strict=False)), **dict(module.named_parameters())}
    trained = {name: of for name, of in trained.items() if "bias_hh" not in name}
    gradients = torch.autograd.grad(y, trained.values(), dout)
    names = [*(["y"] if not is_cell else []), "h_n", "c_n"]
    gradients = [of if name in ("x", "h", "c") else of.float() for name, of in zip(trained, gradients, strict=True)]
    return {
        name: of.detach().numpy()
        for name, of in (
            *zip(["x", "h", "c"], [x, *given], strict=False),
            *zip(names, found, strict=False),
            *((f"d{name}", gradient) for name, gradient in zip(trained, gradients, strict=True)),
        )
    }


def samples(kind):
    """Options and arrays of each of PyTorch's samples of a module."""
    info = next(info for info in module_db if info.module_cls is kind)
    torch.manual_seed(0)
    for sample in info.module_inputs_func(info, "cpu", torch.float64, requires_grad=False, training=True):
        options = dict(zip(("input_size", "hidden_size"), sample.constructor_input.args, strict=False))
        options |= sample.constructor_input.kwargs
        if "batch_first" in options:  # which does not matter to one sequence
            options["batch_first"] = True
        of_both = options.get("bidirectional") and kind is not torch.nn.LSTM
        if options.get("nonlinearity") == "relu" or options.get("proj_size") or of_both:
            yield options, [], {}
        else:
            yield options, [], arrays(kind(**options, dtype=torch.float64), sample.forward_input.args)


if __name__ == "__main__":
    pack(ARCHIVE, [(kind.__name__, *sample) for kind in MODULES for sample in samples(kind)])
