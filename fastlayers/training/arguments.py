"""What a fit is given, seen to go together before anything is trained; messages name the user's arrays, no batch's."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import layers
from .._core import arguments, pairs, targets
from .._core.types import Array
from ..layers._activation import Elementwise
from ..layers._declaration import params_of
from ..layers._loss import LossOfNumbers
from ..layers._nested import chain, leaves
from ..layers._stack import as_input
from ..layers._state import at_rest, first_stateful
from . import evaluation
from .callback import kind
from .text import RunningText

Shape = tuple[int, ...]

_ROWS = 8  # of a batch, in a note

ON_NONFINITE = ("raise", "warn", "ignore")


class Samples(NamedTuple):
    """Inputs, their labels or targets, and perhaps weights: an entry of each for every sample."""

    x: Array
    t: Array
    weights: Array | None


def samples(x: ArrayLike, t: ArrayLike, sample_weight: ArrayLike | None = None, *, of: str = "") -> Samples:
    """The arguments as arrays that go together; `of` is what messages say before their names."""
    data = Samples(
        _array(f"{of}x", x),
        _array(f"{of}t", t),
        None if sample_weight is None else arguments.real(f"{of}sample_weight", sample_weight),
    )
    if not len(data.x):
        raise ValueError(f"{of}x of shape {data.x.shape} has no samples")
    for name, array in (("t", data.t), ("sample_weight", data.weights)):
        if array is not None and array.shape[:1] != data.x.shape[:1]:
            raise ValueError(
                f"{of}{name} of shape {array.shape} does not fit {of}x of shape {data.x.shape}: "
                f"it must have an entry for each of the {len(data.x)} samples"
            )
    if data.weights is not None:
        _check_weights(f"{of}sample_weight", data.weights)
    return data


def training_samples(
    x: Any, t: Any, sample_weight: ArrayLike | None, batch_size: int, shuffle: bool
) -> tuple[Samples, int, bool]:
    """The samples, how many are a batch, and whether they are shuffled: of running text, those of its first epoch."""
    if not isinstance(x, RunningText):
        if t is None:
            raise TypeError("t is missing: x of running_text alone comes with labels of its own")
        data = samples(x, t, sample_weight)
        return data, min(arguments.count("batch_size", batch_size), len(data.x)), arguments.switch("shuffle", shuffle)
    if t is not None or sample_weight is not None:
        raise TypeError("running text has labels of its own, and no weights: t and sample_weight must be left out")
    return Samples(*x.epoch(), None), x.batch_size, False


def check_trainable(network: Any) -> None:
    """Raise ValueError if the network has no parameters to train."""
    if not network.params:
        name = type(network).__name__
        frozen = any(params_of(layer) for _, layer in leaves(network.layers))
        why = "every layer with parameters is frozen: call unfreeze() first" if frozen else "no layer has parameters"
        raise ValueError(f"this {name} has nothing to train: {why}")


def check_order(network: Any, samples: int, batch_size: int, shuffle: bool) -> None:
    """Refuse batches that do not follow each other, or are of several sizes, where a layer's state goes on."""
    stateful = first_stateful(network.layers)
    if stateful is None:
        return
    if shuffle:
        raise ValueError(
            f"{stateful} is stateful, but the samples are shuffled: shuffle must be False, or the layer's stateful"
        )
    if samples % batch_size:
        raise ValueError(
            f"{stateful} is stateful, which takes batches of one size: {samples} samples must be whole batches of "
            f"{batch_size}"
        )


def validation_samples(data: Any) -> Samples | None:
    """What ``validation_data`` holds, if there is any."""
    if data is None:
        return None
    if isinstance(data, RunningText):
        return Samples(*data.epoch(), None)
    if not isinstance(data, tuple | list) or len(data) not in (2, 3):
        given = f"{len(data)} of them" if isinstance(data, tuple | list) else kind(data)
        raise TypeError(f"validation_data must be (x, t) or (x, t, sample_weight), not {given}")
    return samples(*data, of="validation ")


def _array(name: str, value: ArrayLike) -> Array:
    array = np.asarray(value)
    arguments.check_unmasked(name, value)
    if array.ndim == 0:
        raise ValueError(f"{name} is 0-dimensional: it must have an entry for each sample")
    return array


def _check_weights(name: str, weights: Array) -> None:
    wrong = np.argwhere(~((weights >= 0) & (weights < math.inf)))
    if len(wrong):
        place = tuple(wrong[0].tolist())
        raise ValueError(f"{name} must be finite, and 0 or more, not {weights[place]} at {arguments.place_of(place)}")
    if not weights.any():
        raise ValueError(f"{name} is 0 for each of the {len(weights)} samples: one must count at least")
    targets.check_sum(name, weights, "the samples")


# Options


def switch_or_none(name: str, value: Any) -> bool | None:
    """True, False or None."""
    if value is not None and not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True, False or None, not {arguments.typed(value)}")
    return None if value is None else bool(value)


def check_optimizer(optimizer: Any) -> None:
    """Refuse what cannot update, and a learning rate that leads nowhere; a schedule is asked at each step."""
    if isinstance(optimizer, type) or not callable(getattr(optimizer, "update", None)):
        raise TypeError(f"optimizer must have update(params, grads), as SGD() has, not {kind(optimizer)}")
    lr = getattr(optimizer, "lr", None)
    if lr is not None and not callable(lr):
        arguments.not_negative("lr", lr)


# What the network makes of the samples


def fitting(network: Any, data: Samples, of: str = "") -> Samples:
    """The samples, floats in the network's dtype, once seen to fit its layers and loss, as far as these are known."""
    shape = _output_shape(network.layers, data.x, of)
    if shape is not None:
        check_targets(network.loss_layer, (len(data.x), *shape), data, of)
    if isinstance(network.loss_layer, layers.SoftmaxWithLoss | layers.TimeSoftmaxWithLoss):
        _check_counts(network.loss_layer, data, of)
    if data.x.dtype.kind != "f":  # integers are smaller as they are, and none is beyond a float
        return data
    return data._replace(x=as_input(network.layers, data.x, f"{of}x"))


def _output_shape(stack: list[Any], x: Array, of: str) -> Shape | None:
    """The shape of what becomes of a sample; None where a layer of a user's own decides."""
    shape: Shape | None = x.shape[1:]
    name = f"{of}x"
    for i, (_, layer) in enumerate(chain(stack)):
        forward: Any = getattr(type(layer), "forward", None)
        if forward is layers.Affine.forward and layer.W.ndim > 1:
            if x.ndim == 1 and not i:
                raise ValueError(f"{of}x of shape {x.shape} must have a row for each sample, of {len(layer.W)} numbers")
            if shape is not None:
                arguments.as_samples(_stand_in(x, (len(x), *shape)), layer.W, name)
            shape, name = layer.W.shape[1:], f"what layer {i + 1} is given,"
        elif forward is layers.TimeAffine.forward and shape is not None and layer.W.ndim > 1:
            layer._rows(_stand_in(x, (len(x), *shape)), name)
            shape, name = (*shape[:-1], layer.W.shape[1]), f"what layer {i + 1} is given,"
        elif forward is layers.Embedding.forward and shape is not None:
            if not i:
                arguments.check_within(name, arguments.integers(name, x), len(layer.W))
            shape = (*shape, layer.W.shape[1])
        elif not isinstance(layer, Elementwise) or forward.__module__.partition(".")[0] != __name__.partition(".")[0]:
            shape = None
    return shape


def _stand_in(x: Array, shape: Shape) -> Array:
    """An array of any shape that takes no memory."""
    return np.broadcast_to(np.zeros((), x.dtype), shape)


def check_targets(loss_layer: Any, shape: Shape, data: Samples, of: str = "") -> None:
    """Refuse labels, targets and weights that one of the package's losses does not take for outputs of this shape."""
    forward, name = getattr(type(loss_layer), "forward", None), f"{of}outputs"
    t = data.t
    if forward is layers.SoftmaxWithLoss.forward:
        t = arguments.real(f"{of}t", t)
        weighed = (shape[0], *shape[2:])
        if targets.are_labels(name, _stand_in(t, shape), t):
            targets.checked_labels(t, shape[1], loss_layer.ignore_index, of)
    elif forward is layers.TimeSoftmaxWithLoss.forward:
        t = arguments.real(f"{of}t", t)
        weighed = shape[:-1]
        targets.labels_of_steps(name, _stand_in(t, shape), t, loss_layer.ignore_label, of)
    elif forward in (LossOfNumbers.forward, layers.SigmoidWithLoss.forward):
        t = arguments.real(f"{of}t", t)
        weighed = shape[:1]
        pairs.check_pairs(name, shape, t)
        if forward is layers.SigmoidWithLoss.forward:
            pairs.check_probabilities(t, of)
    else:
        return
    _check_weighed(data, weighed, of)


def _check_weighed(data: Samples, weighed: Shape, of: str) -> None:
    """ValueError where weights have another shape than what they weigh."""
    if data.weights is not None and data.weights.shape != weighed:
        raise ValueError(
            f"{of}sample_weight of shape {data.weights.shape} does not fit {of}t of shape {data.t.shape}: "
            f"it must have shape {weighed}"
        )


def _check_counts(loss_layer: Any, data: Samples, of: str) -> None:
    """Refuse class weights and ignored labels that leave nothing."""
    if getattr(loss_layer, "weight", None) is not None and not np.any(loss_layer.weight):
        raise ValueError("the loss has a weight of 0 for every class: one must count at least")
    if isinstance(loss_layer, layers.TimeSoftmaxWithLoss):
        _check_weighed(data, data.t.shape[:2], of)
    counted = evaluation.counts(loss_layer, data.t, data.weights) if data.t.dtype.kind in "iu" else None
    if counted is not None and not counted.any():
        raise ValueError(
            f"none of the {len(data.x)} {of}samples counts: their labels are ignored by the loss, or of weight 0"
        )


def retell(error: Exception, network: Any, data: Samples, x: Array, rows: Array) -> None:
    """Say of a batch's error what it means in the user's arrays: what is wrong with all of t, or in a note the rows."""
    if not isinstance(error, TypeError | ValueError | IndexError) or not len(x):
        return
    try:
        with at_rest(network.layers):
            outputs = np.shape(network.predict(x))
    except Exception:  # so it is no matter of t, and what is wrong is being told already
        outputs = ()
    if outputs[:1] == x.shape[:1]:
        check_targets(network.loss_layer, (len(data.x), *outputs[1:]), data)
    shown = ", ".join([*map(str, rows[:_ROWS].tolist()), *(["..."] if len(rows) > _ROWS else [])])
    error.add_note(f"in a batch of {len(rows)} rows ({shown}) of x of shape {data.x.shape}")
