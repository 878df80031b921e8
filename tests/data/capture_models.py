"""Capture a network of each kind, in each format, and what it predicts, into the folder ``models``.

Run it with the version whose files are to be read for good::

    python -P tests/data/capture_models.py

``predictions.npz`` has the input ``x``, and of each network ``NAME.y``; of those with a state_dict also its arrays.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np

import fastlayers as fl

FOLDER = Path(__file__).with_name("models")
SIZES = (5, 4, 3)
LAYERS = {
    "affine": list,
    "relu": lambda: [fl.Relu()],
    "leaky_relu": lambda: [fl.LeakyRelu(0.2)],
    "sigmoid": lambda: [fl.Sigmoid()],
    "tanh": lambda: [fl.Tanh()],
    "dropout": lambda: [fl.Relu(), fl.Dropout(0.25, rng=0)],
}
LOSSES = {
    "softmax": lambda: fl.SoftmaxWithLoss(),
    "softmax_options": lambda: fl.SoftmaxWithLoss(
        weight=np.array([1.0, 0.5, 2.0]), ignore_index=-1, label_smoothing=0.125, reduction="sum"
    ),
    "sigmoid_loss": lambda: fl.SigmoidWithLoss(reduction="sum"),
    "squared": lambda: fl.MeanSquaredError(),
}


def network(middle, loss, dtype, *, bias=True):
    """Two affine layers with the layers of `middle` between them."""
    rng = np.random.default_rng(len(middle) + SIZES[0])
    first, last = (
        fl.Affine(rng.standard_normal((d, m)).astype(dtype), rng.standard_normal(m).astype(dtype) if bias else None)
        for d, m in pairwise(SIZES)
    )
    return fl.Sequential([first, *middle, last], loss)


def main():
    networks = {f"{name}-float32": network(make(), LOSSES["softmax"](), "float32") for name, make in LAYERS.items()}
    networks |= {f"relu-{name}": network([fl.Relu()], make(), "float64") for name, make in LOSSES.items()}
    networks["tanh-no_bias-float64"] = network([fl.Tanh()], LOSSES["squared"](), "float64", bias=False)
    networks["relu-float16"] = network([fl.Relu()], LOSSES["softmax"](), "float16")
    x = np.random.default_rng(1).standard_normal((6, SIZES[0])).astype("float16")
    arrays = {"x": x}
    FOLDER.mkdir(exist_ok=True)
    for name, made in networks.items():
        made.save(FOLDER / f"{name}.npz")
        made.to_safetensors(FOLDER / f"{name}.safetensors")
        arrays[f"{name}.y"] = made.predict(x)
        arrays |= {f"{name}.{key}": array for key, array in made.state_dict().items()}
    np.savez_compressed(FOLDER / "predictions.npz", **arrays)


if __name__ == "__main__":
    main()
