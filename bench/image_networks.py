"""Networks of images: one description, and its training step and prediction here and elsewhere.

All contenders start from the same weights, batch and learning rate, as in ``peers.py``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

import book_images
import numpy as np
import peers
import predictions

import fastlayers
from fastlayers.command import cases
from fastlayers.command.measured import LEARNING_RATE
from fastlayers.layers._summary import Summary


class Filters(NamedTuple):
    """A convolution of stride 1, and its ReLU."""

    number: int
    side: int
    pad: int = 0


class Affine(NamedTuple):
    width: int


POOL, RELU, DROPOUT = "max pooling, 2 by 2", "ReLU", "dropout"
Kind = Filters | Affine | str


@dataclass(frozen=True)
class ImageNetwork:
    """Layers for images of one channel, a batch of them, and as many classes as the last affine layer is wide."""

    name: str
    kinds: tuple[Kind, ...]
    batch: int
    side: int = 28

    @property
    def label(self) -> str:
        return f"{self.name} @{self.batch}"

    @property
    def classes(self) -> int:
        return [kind for kind in self.kinds if isinstance(kind, Affine)][-1].width

    def parameters(self, dtype: str) -> list[tuple[Any, Any]]:
        """W and b of each layer that has them, fresh at every call and always the same."""
        draw, shape, found = cases.Draw(dtype), (1, self.side, self.side), []
        for kind in self.kinds:
            if isinstance(kind, Filters):
                W = draw(kind.number, shape[0], kind.side, kind.side)
                side = shape[1] + 2 * kind.pad - kind.side + 1
                inputs, shape = W[0].size, (kind.number, side, side)
            elif isinstance(kind, Affine):
                inputs = int(np.prod(shape))
                W, shape = draw(inputs, kind.width), (kind.width,)
            else:
                shape = (shape[0], shape[1] // 2, shape[2] // 2) if kind is POOL else shape
                continue
            found.append((W * np.sqrt(2 / inputs).astype(dtype), np.zeros(shape[0], dtype)))
        return found

    def batch_of(self, dtype: str) -> tuple[Any, Any]:
        """Images and their labels; of so small numbers that the book's epsilon in its logarithm does not matter."""
        images = cases.Draw(dtype)(self.batch, 1, self.side, self.side) / 4
        return images, cases.labels(self.batch, self.classes)

    def layers(self, path: ModuleType, dtype: str) -> list[Any]:
        """By the classes of `path`; dropout drops nothing, so that all have the same losses."""
        parameters, layers = iter(self.parameters(dtype)), []
        for kind in self.kinds:
            if isinstance(kind, Filters):
                layers += [path.Convolution(*next(parameters), 1, kind.pad), path.Relu()]
            elif isinstance(kind, Affine):
                layers.append(path.Affine(*next(parameters)))
            else:
                makers = {POOL: lambda: path.Pooling(2, 2), RELU: path.Relu, DROPOUT: lambda: path.Dropout(0.0)}
                layers.append(makers[kind]())
        return layers

    def net(self, path: ModuleType, dtype: str) -> Any:
        return path.Sequential(self.layers(path, dtype), path.SoftmaxWithLoss())

    def summary(self) -> Summary:
        return self.net(fastlayers, "float32").summary((1, self.side, self.side))  # type: ignore[no-any-return]

    def nbytes(self) -> int:
        """Of the book's largest array of patches, than which no contender has a larger one."""
        rows = [(row.output_shape, row.parameters) for row in self.summary().layers if row.name == "Convolution"]
        return 8 * self.batch * max(high * wide * (numbers // n - 1) for (n, high, wide), numbers in rows)


def training(network: ImageNetwork, path: ModuleType, dtype: str) -> cases.Call:
    x, t = network.batch_of(dtype)
    return cases.Call(network.net(path, dtype).train_step, (x, t, path.SGD(lr=LEARNING_RATE)), {})


def predicting(network: ImageNetwork, path: ModuleType, dtype: str) -> cases.Call:
    return cases.Call(network.net(path, dtype).predict, (network.batch_of(dtype)[0],), {})


# Elsewhere


def pytorch_network(network: ImageNetwork, dtype: str) -> Any:
    torch = peers.import_torch()
    nn, layers, flat = torch.nn, [], False
    for kind in network.kinds:
        if isinstance(kind, Filters):
            layers += [nn.LazyConv2d(kind.number, kind.side, padding=kind.pad), nn.ReLU()]
        elif isinstance(kind, Affine):
            layers += [nn.LazyLinear(kind.width)] if flat else [nn.Flatten(), nn.LazyLinear(kind.width)]
            flat = True
        else:
            layers.append({POOL: nn.MaxPool2d(2), RELU: nn.ReLU(), DROPOUT: nn.Dropout(0.0)}[kind])
    net = nn.Sequential(*layers).to(getattr(torch, dtype))
    with torch.no_grad():
        net(torch.from_numpy(network.batch_of(dtype)[0][:1]))  # lazy layers learn their sizes from it
        given = [layer for layer in net if hasattr(layer, "weight")]
        for layer, (W, b) in zip(given, network.parameters(dtype), strict=True):
            layer.weight.copy_(torch.from_numpy(W.T if W.ndim == 2 else W))
            layer.bias.copy_(torch.from_numpy(b))
    return net


def pytorch_training(network: ImageNetwork, dtype: str) -> peers.Step:
    return peers.pytorch_step(pytorch_network(network, dtype), *network.batch_of(dtype))


def pytorch_predicting(network: ImageNetwork, dtype: str) -> Callable[[], Any]:
    return predictions.pytorch_scores(pytorch_network(network, dtype).eval(), network.batch_of(dtype)[0])


def jax_scores(network: ImageNetwork) -> Callable[[Any, Any], Any]:
    jax = peers.import_jax()

    def scores(state: Any, x: Any) -> Any:
        parameters = iter(state)
        for kind in network.kinds:
            if isinstance(kind, Filters):
                x = jax.nn.relu(jax_convolution(x, *next(parameters), kind.pad))
            elif isinstance(kind, Affine):
                W, b = next(parameters)
                x = x.reshape(len(x), -1) @ W + b
            elif kind is not DROPOUT:
                x = jax_pooling(x) if kind is POOL else jax.nn.relu(x)
        return x

    return scores


def jax_convolution(x: Any, W: Any, b: Any, pad: int) -> Any:
    from jax import lax

    return lax.conv_general_dilated(x, W, (1, 1), [(pad, pad), (pad, pad)]) + b[:, None, None]


def jax_pooling(x: Any) -> Any:
    from jax import lax

    return lax.reduce_window(x, -np.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def jax_training(network: ImageNetwork, dtype: str) -> peers.Step:
    return peers.jax_step(jax_scores(network), network.parameters(dtype), *network.batch_of(dtype))


def jax_predicting(network: ImageNetwork, dtype: str) -> Callable[[], Any]:
    return predictions.jax_scores(jax_scores(network), network.parameters(dtype), network.batch_of(dtype)[0])


def onnx_predicting(network: ImageNetwork, dtype: str) -> Callable[[], Any]:
    return predictions.onnx_scores(network.net(fastlayers, dtype), network.batch_of(dtype)[0])


# name -> the modules that it needs, and its maker
TRAINING = {
    "the book's NumPy": (("numpy",), book_images.training),
    "PyTorch": (("torch",), pytorch_training),
    "JAX jit": (("jax",), jax_training),
}
PREDICTING = {
    "the book's NumPy": (("numpy",), book_images.predicting),
    "PyTorch": (("torch",), pytorch_predicting),
    "JAX jit": (("jax",), jax_predicting),
    "ONNX Runtime": (("onnxruntime", "onnx"), onnx_predicting),
}
