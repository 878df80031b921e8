"""Capture what PyTorch predicts and how it names and lays out its parameters into ``state_dict.npz``.

Needs the package ``torch``; run it where the network should change::

    python tests/data/capture_state_dict.py

The archive has the arrays of the ``state_dict`` in its order, then the input ``x`` and the prediction ``y``.
"""

from pathlib import Path

import numpy as np
import torch

torch.manual_seed(0)
module = torch.nn.Sequential(
    torch.nn.Linear(5, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3, bias=False), torch.nn.Sigmoid(), torch.nn.Linear(3, 2)
)
x = torch.randn(6, 5)
with torch.no_grad():
    arrays = {**module.state_dict(), "x": x, "y": module(x)}
np.savez(Path(__file__).with_name("state_dict.npz"), **{name: array.numpy() for name, array in arrays.items()})
