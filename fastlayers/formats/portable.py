"""What a network can be written to and read from: a method for each format, beside those of `exported`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import ArrayLike

from .._core.types import Array
from .exported import Exported


class Portable(Exported):
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
        It names no class of yours: a subclass's new methods and attributes, and a ``train_step`` or ``fit`` of its own,
        are not in it. ``Subclass.load`` gives the methods back, and a pickle keeps all.

        Parameters
        ----------
        path : str or path-like
            The file's name, taken exactly as given: no suffix is added.

        Raises
        ------
        TypeError
            If a layer or the loss is not one of this package's; if it, this network or one within it has a ``forward``,
            ``backward`` or ``predict`` of your own, or a network a ``gradient``, ``loss`` or ``params``, in a subclass
            or set on the object; if a network within it is of a subclass; or if the dtype of the parameters is not one
            of float16, float32, float64 for all.
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

        npz.save(path, self)

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
            Of the classes of `fastlayers.layers`; a `Dropout` draws from a new generator. ``Subclass.load`` makes the
            network by ``Subclass(layers, loss)``, and networks within it as `Sequential`.

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

        return cls(*npz.load(path, cls))

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

        safetensors.save(path, self)

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

        return cls(*safetensors.load(path, cls))

    # PyTorch

    def state_dict(self) -> dict[str, Array]:
        """Copy the parameters as PyTorch has them, named as a ``torch.nn.Sequential`` of the same layers names them.

        Returns
        -------
        dict of str to ndarray
            ``"0.weight"``, that is W transposed, ``(M, D)``, and ``"0.bias"``, for the affine layer in place 0, or
            the first alone for a `MatMul`; ``"1.weight"``, ``"1.bias"``, ``"1.running_mean"`` and ``"1.running_var"``,
            the running ones 0 before any batch, for the `BatchNormalization` in place 1; ``"0.weight"`` alone,
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

    def load_state_dict(
        self, arrays: Mapping[str, ArrayLike], *, names: Iterable[str] | Mapping[str, Any] | None = None
    ) -> None:
        """Copy the parameters of PyTorch's modules into this network's layers, in place.

        `names` says which module each layer takes. Without it, numbers decide: modules that differ in a numbered part
        of their names, as those of a ``torch.nn.Sequential``, ``0.weight`` and ``10.weight``, and as ``layers.0.fc``
        and ``layers.1.fc``, go to the layers in the order of these numbers. Other modules go where kind and shapes
        allow one assignment only. The order of the keys never decides, since a file sorts them by name.

        Parameters
        ----------
        arrays : mapping of str to array_like
            ``NAME.weight``, ``(M, D)``, and ``NAME.bias``, ``(M,)``; of an embedding the weight alone, ``(V, D)``; of a
            batch normalization all ``(D,)``, with ``NAME.running_mean`` and ``NAME.running_var``;
            ``NAME.num_batches_tracked`` is of no use here; of an LSTM, or an RNN of tanh, what `state_dict` names, for
            each of its layers one of ours, b being the sum of its biases. They are PyTorch's ``state_dict()``, as
            ``{name: tensor.numpy() for name, tensor in module.state_dict().items()}``, what
            ``safetensors.numpy.load_file`` reads, or what `state_dict` gave. Each is cast to its parameter's dtype.
        names : iterable of str or mapping, optional
            All modules of the state, ``"fc1"`` or ``"encoder.fc1"``. An iterable has them in the order of the layers
            with parameters; a recurrent module of several layers is named once. A mapping has for each its layer: the
            object, or its place, ``2``, or ``"2.0"`` within a network; of a recurrent module of several layers a list.

        Raises
        ------
        ValueError
            If a key is another, an array does not fit, modules or biases are more or fewer than the network has, or
            a parameter is read-only; if `names` lacks a module, or has another or one twice; if the modules fit the
            layers in more than one way, and the message shows the call that says which. The network is as it was.
        TypeError
            If an array holds no real numbers, or its parameter cannot hold them; if a layer of another kind has
            parameters; if `names` is of another type.

        Warns
        -----
        UserWarning
            If a `BatchNormalization` has the book's ``eps``, 1e-6: PyTorch's has 1e-5, unless it was given another, and
            its state does not tell. A state that `state_dict` wrote looks the same. Where 1e-6 is right,
            ``warnings.filterwarnings("ignore", "eps of BatchNormalization")`` silences it.

        Examples
        --------
        >>> import numpy as np, fastlayers as fl
        >>> network = fl.Sequential([fl.Affine(np.zeros((3, 2)), np.zeros(2))], fl.SoftmaxWithLoss())
        >>> network.load_state_dict({"fc.weight": [[1, 0, 0], [0, 0, 2]], "fc.bias": [0.5, 0]})
        >>> network.predict([10, 20, 30])
        array([10.5, 60. ])

        Two modules of the same shapes are told apart by `names`:

        >>> network = fl.Sequential([fl.MatMul(np.zeros((1, 1))), fl.Relu(), fl.MatMul(np.zeros((1, 1)))])
        >>> network.load_state_dict({"hidden.weight": [[2]], "inp.weight": [[3]]}, names=["inp", "hidden"])
        >>> network.layers[0].W
        array([[3.]])
        """
        from . import state_dict

        state_dict.load(self.layers, arrays, names)
