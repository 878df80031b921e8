"""What a network can be written to and read from: a method for each format."""

from __future__ import annotations

import os
from typing import Any, Self


class Portable:
    """Layers and their loss, of which `fastlayers.Sequential` inherits the methods below.

    Each imports its format when it is called: who only trains need not wait for zip archives and hashes.
    """

    layers: list[Any]
    loss_layer: Any

    def __init__(self, layers: list[Any], loss: Any) -> None:
        self.layers = list(layers)
        self.loss_layer = loss

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to an ``.npz`` file, whole or not at all.

        The file has the parameters, the options of layers and loss, and a checksum; no state of training, no
        optimizer, and no `Dropout.rng`. ``numpy.load`` reads its arrays, ``0.W``, ``0.b`` and so on.

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
            If the network has no parameters, or an option is set to what no layer can have.
        OSError
            If the file cannot be written; a file that was there is as it was.

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

        Returns
        -------
        Sequential
            Of the classes of `fastlayers.layers`; a `Dropout` draws from a new generator.

        Raises
        ------
        fastlayers.formats.ModelFileError
            A ValueError: the file is damaged, cut off, or not a model that this version reads; it says which.
        OSError
            If the file cannot be opened, or is a pipe or a device.
        MemoryError
            If there is too little memory for a model of the file's size.
        """
        from . import npz

        return cls(*npz.load(path))
