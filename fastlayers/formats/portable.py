"""What a network can be written to and read from: a method for each format."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import ArrayLike

from .._core.types import Array


class Portable:
    """Layers and their loss, of which `fastlayers.Sequential` inherits the methods below.

    Each imports its format when it is called: who only trains need not wait for zip archives and hashes.
    """

    layers: list[Any]
    loss_layer: Any

    if TYPE_CHECKING:

        def __init__(self, layers: Iterable[Any], loss: Any) -> None: ...

    # Files of this package

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to an ``.npz`` file, whole or not at all.

        The file has the parameters, the options of layers and loss, what is `frozen`, and a checksum; no state of
        training, no optimizer, and no `Dropout.rng`. ``numpy.load`` reads its arrays, ``0.W``, ``0.b`` and so on.

        Parameters
        ----------
        path : str or path-like
            The file's name, taken exactly as given: no suffix is added.

        Raises
        ------
        TypeError
            If a layer or the loss is not one of this package's, or the dtype of the parameters is not one of
            float16, float32, float64 for all.
        ValueError
            If the network has no parameters, or an option is set to what no layer can have, or a class weight is
            negative or not finite, or there is not one for each output.
        OSError
            If the file cannot be written, as the system says; a file that was there is as it was.

        Examples
        --------
        >>> import tempfile, pathlib, numpy as np, fastlayers as fl
        >>> network = fl.Sequential([fl.Affine(np.eye(2), np.ones(2)), fl.Relu()], fl.SoftmaxWithLoss())
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     network.save(pathlib.Path(folder) / "network.npz")
        ...     again = fl.Sequential.load(pathlib.Path(folder) / "network.npz")
        >>> again.predict([[1.0, -2.0]])
        array([[2., 0.]])
        """
        from . import npz

        npz.save(path, self.layers, self.loss_layer)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read the network of a file that `save` wrote, by this version or an earlier one.

        Nothing is unpickled: a file can run no code, and takes no more memory than a few times its own size.

        Parameters
        ----------
        path : str or path-like
            The file's name.

        Returns
        -------
        Sequential
            Of the classes of `fastlayers.layers`; a `Dropout` draws from a new generator.

        Raises
        ------
        fastlayers.formats.ModelFileError
            A ValueError: the file is damaged, cut off, or not a model that this version reads, or one of its options
            or shapes is none that a network can have; it says which.
        OSError
            If the file cannot be opened or read, as the system says; or is a pipe or a device.
        MemoryError
            If there is too little memory for a model of the file's size.
        """
        from . import npz

        return npz.load(path, cls)

    def to_safetensors(self, path: str | os.PathLike[str]) -> None:
        """Write the network to a safetensors file, whole or not at all.

        It has what `save` writes: the tensors are named ``0.W``, ``0.b`` and so on, and ``W`` is ``(D, M)``. For
        PyTorch's names and layout, give `state_dict` to ``safetensors.numpy.save_file``.

        Parameters
        ----------
        path : str or path-like
            The file's name, taken exactly as given.

        Raises
        ------
        ImportError
            If the package safetensors is not installed; the message says how to get it.
        TypeError, ValueError, OSError
            As `save`.
        """
        from . import safetensors

        safetensors.save(path, self.layers, self.loss_layer)

    @classmethod
    def from_safetensors(cls, path: str | os.PathLike[str]) -> Self:
        """Read a network from a safetensors file.

        Parameters
        ----------
        path : str or path-like
            The name of a file that `to_safetensors` wrote.

        Returns
        -------
        Sequential
            As `load` gives it.

        Raises
        ------
        ImportError
            If the package safetensors is not installed; the message says how to get it.
        fastlayers.formats.ModelFileError
            If the file is damaged, or another program's; for a state_dict of PyTorch's there is `load_state_dict`.
        OSError, MemoryError
            As `load`.
        """
        from . import safetensors

        return safetensors.load(path, cls)

    # Other frameworks

    def to_onnx(
        self,
        path: str | os.PathLike[str],
        *,
        input_shape: Sequence[int] | None = None,
        probabilities: bool = False,
    ) -> None:
        """Write the network's prediction as an ONNX graph, whole or not at all.

        Its input is named ``x``, of shape ``(batch, *input_shape)``, and its output ``y``, ``(batch, M)``; both have
        the parameters' dtype, but what an `Embedding` is given is of int64. It is of opset 17, and `Dropout` has no
        part in it. Sequences may have any number of steps, unless an affine layer takes those of one together. A
        `stateful` layer in place 1 begins with 0, or with the inputs ``1.h`` and, of a `TimeLSTM`, ``1.c``, which may
        be left out; what to give them at the next call are the outputs ``1.h.next`` and ``1.c.next``.

        Parameters
        ----------
        path : str or path-like
            The file's name, taken exactly as given.
        input_shape : sequence of int, optional
            The shape of one sample, as ``(1, 28, 28)``, or ``(T, D)`` of sequences; by default ``(D,)``; ``()`` for one
            index. What begins with a `BatchNormalization` of channels takes it as it is, and the first affine layer
            flattens it.
        probabilities : bool
            Give what the loss makes of the scores: softmax for `SoftmaxWithLoss` and `TimeSoftmaxWithLoss`, sigmoid for
            `SigmoidWithLoss` and `TimeSigmoidWithLoss`; by default ``y`` is what `predict` gives. Softmax is computed
            in float64, which the runtime has to know, and keeps in ONNX Runtime what `fastlayers.softmax` promises.

        Raises
        ------
        ImportError
            If the package onnx is not installed; the message says how to get it.
        TypeError
            If a layer is not one of this package's, the loss makes no probabilities where they are asked for, or the
            dtype of the parameters is not one of float16, float32, float64 for all.
        ValueError
            If the network has no parameters or more than 2 GiB of them, their shapes or `input_shape` do not fit, or a
            `BatchNormalization` has no running statistics yet.
        OSError
            If the file cannot be written; a file that was there is as it was.
        """
        from . import onnx

        onnx.save(path, self.layers, self.loss_layer, input_shape=input_shape, probabilities=probabilities)

    def to_c(
        self,
        path: str | os.PathLike[str],
        name: str = "policy",
        *,
        input_shape: Sequence[int] | None = None,
        probabilities: bool = False,
    ) -> None:
        """Write the network's prediction as one C99 file, whole or not at all.

        It needs nothing but ``math.h``, allocates nothing, and may be compiled as C++ too. Its function
        ``void policy(const float *x, float *y)`` takes one sample; with parameters of float64 it takes and gives
        ``double``, and what begins with an `Embedding` takes ``const int *x``. An index outside the table gives nan.

        Where sequences go through the network, as through a `TimeLSTM`, it takes one step of one, and what remains
        between two steps is in a struct: ``void policy(policy_state *state, const float *x, float *y)``, and
        ``policy_reset(&state)`` before the first.

        Parameters
        ----------
        path : str or path-like
            The file's name, which ends in ``.c``.
        name : str
            Of the function, and the beginning of every other name that the file defines.
        input_shape : sequence of int, optional
            As for `to_onnx`; how many steps a sequence has is of no account.
        probabilities : bool
            Give what the loss makes of the scores, as for `to_onnx`; by default y is what `predict` gives.

        Raises
        ------
        TypeError
            If a layer is none that the file can hold, as the message says; the loss makes no probabilities where they
            are asked for, or the dtype of the parameters is not float32 or float64 for all.
        ValueError
            If `path` does not end in ``.c``; `name` is no identifier, or one that C, C++ or their libraries have; a
            parameter, or what is predicted, is not finite; a layer takes all steps of a sequence together; the network
            has no parameters, their shapes or `input_shape` do not fit, or a `BatchNormalization` has no running
            statistics yet.
        OSError
            If the file cannot be written; a file that was there is as it was.

        Notes
        -----
        A `BatchNormalization` behind a product becomes part of it, and `Dropout` has no part. Results are within the
        bounds that `predict` keeps, but not of the same bits: a product is summed in another order. With
        ``-DPOLICY_TEST`` the file has a ``main`` that compares some samples with what `predict` gave.

        Examples
        --------
        >>> import tempfile, pathlib, numpy as np, fastlayers as fl
        >>> network = fl.Sequential([fl.Affine(np.eye(2), np.ones(2)), fl.Relu()])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     network.to_c(pathlib.Path(folder) / "policy.c")
        ...     text = (pathlib.Path(folder) / "policy.c").read_text()
        >>> "void policy(const double *x, double *y);" in text
        True
        """
        from . import c

        c.save(path, self.layers, self.loss_layer, name, input_shape=input_shape, probabilities=probabilities)

    def state_dict(self) -> dict[str, Array]:
        """Copy the parameters as PyTorch has them, named as a ``torch.nn.Sequential`` of the same layers names them.

        Returns
        -------
        dict of str to ndarray
            ``"0.weight"``, that is W transposed, ``(M, D)``, and ``"0.bias"``, for the affine layer in place 0, or
            the first alone for a `MatMul`; ``"1.weight"``, ``"1.bias"``, ``"1.running_mean"`` and ``"1.running_var"``,
            the running ones where there are any, for the `BatchNormalization` in place 1; ``"0.weight"`` alone,
            ``(V, D)`` as W is, for an `Embedding`; ``"0.weight_ih_l0"``, ``"0.weight_hh_l0"`` and, as PyTorch adds two
            biases, ``"0.bias_ih_l0"`` with b and ``"0.bias_hh_l0"`` with 0 for a `TimeRNN` or `TimeLSTM`, gates in
            PyTorch's order, and with ``"_reverse"`` too for a `TimeBiLSTM`. With ``torch.from_numpy`` of each,
            ``load_state_dict`` of a PyTorch module takes them. Its ``BatchNorm1d`` or ``2d`` needs the same ``eps``,
            and as ``momentum`` 1 less ours.

        Raises
        ------
        TypeError
            If a layer of another kind has parameters; a `TimeGRU` too, whose reset PyTorch's GRU applies elsewhere.
        """
        from . import state_dict

        return state_dict.save(self.layers)

    def load_state_dict(self, arrays: Mapping[str, ArrayLike]) -> None:
        """Copy the parameters of PyTorch's layers, such as linear ones, into this network's, in place.

        The modules go to the layers with parameters in the dict's order, whatever they are called. Those whose names
        differ in numbers alone (``fc1``, ``fc2``, ``fc10``) go by these: a file may have sorted them by name.

        Parameters
        ----------
        arrays : mapping of str to array_like
            ``NAME.weight``, ``(M, D)``, and ``NAME.bias``, ``(M,)``; of an embedding the weight alone, ``(V, D)``; of a
            batch normalization all ``(D,)``, with ``NAME.running_mean`` and ``NAME.running_var``;
            ``NAME.num_batches_tracked`` is of no use here; of an LSTM, or an RNN of tanh, what `state_dict` names, for
            each of its layers one of ours, b being the sum of its biases. They are PyTorch's ``state_dict()``, as
            ``{name: tensor.numpy() for name, tensor in module.state_dict().items()}``, what
            ``safetensors.numpy.load_file`` reads, or what `state_dict` gave. Each is cast to its parameter's dtype.

        Raises
        ------
        ValueError
            If a key is another, an array does not fit, modules or biases are more or fewer than the network has, or
            a parameter is read-only; the network is as it was.
        TypeError
            If an array holds no real numbers, or its parameter cannot hold them; if a layer of another kind has
            parameters.

        Examples
        --------
        >>> import numpy as np, fastlayers as fl
        >>> network = fl.Sequential([fl.Affine(np.zeros((3, 2)), np.zeros(2))], fl.SoftmaxWithLoss())
        >>> network.load_state_dict({"fc.weight": [[1, 0, 0], [0, 0, 2]], "fc.bias": [0.5, 0]})
        >>> network.predict([10, 20, 30])
        array([10.5, 60. ])
        """
        from . import state_dict

        state_dict.load(self.layers, arrays)
