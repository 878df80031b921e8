"""Capture what PyTorch predicts and how it names and lays out its parameters, into ``state_dict*.npz``.

Needs the package ``torch``; run it where the networks should change::

    python tests/data/capture_state_dict.py

Each archive has the arrays of the ``state_dict`` in its order, then the input ``x`` and the prediction ``y``.
"""

from pathlib import Path

import numpy as np
import torch


def capture(name: str, module: torch.nn.Module, x: torch.Tensor) -> None:
    with torch.no_grad():
        module.eval()
        arrays = {**module.state_dict(), "x": x, "y": module(x)}
    np.savez(Path(__file__).with_name(name), **{name: array.numpy() for name, array in arrays.items()})


torch.manual_seed(0)
rows = torch.nn.Sequential(
    torch.nn.Linear(5, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3, bias=False), torch.nn.Sigmoid(), torch.nn.Linear(3, 2)
)
capture("state_dict.npz", rows, torch.randn(6, 5))

torch.manual_seed(1)
images = torch.nn.Sequential(
    torch.nn.Conv2d(2, 6, 3, stride=2, padding=1),
    torch.nn.BatchNorm2d(6, eps=1e-3),
    torch.nn.ReLU(),
    torch.nn.MaxPool2d(3, stride=2, padding=1),
    torch.nn.Conv2d(6, 4, (3, 2), groups=2, dilation=(1, 2), padding=(1, 1), bias=False),
    torch.nn.AvgPool2d(2, stride=1, padding=1, count_include_pad=False),
    torch.nn.Flatten(),
    torch.nn.LazyLinear(5),
    torch.nn.BatchNorm1d(5, eps=1e-3),
    torch.nn.Linear(5, 3),
)
for _ in range(3):
    images(torch.randn(8, 2, 11, 12) + 1)  # which its running statistics come from
capture("state_dict_images.npz", images, torch.randn(4, 2, 11, 12))


class Words(torch.nn.Module):
    """A network of sequences, with recurrent layers one above another, and of both directions."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(7, 3)
        self.lstm = torch.nn.LSTM(3, 4, num_layers=2, batch_first=True)
        self.rnn = torch.nn.RNN(4, 3, batch_first=True)
        self.both = torch.nn.LSTM(3, 2, batch_first=True, bidirectional=True)
        self.linear = torch.nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.embedding(x)
        for layer in (self.lstm, self.rnn, self.both):
            y, _ = layer(y)
        return self.linear(y)


torch.manual_seed(2)
capture("state_dict_sequences.npz", Words(), torch.randint(7, (4, 6)))
