"""What a network's prediction can be written to for where there is no fastlayers: a method for each format."""

from __future__ import annotations

import os
from collections.abc import Sequence


class Exported:
    """Layers and their loss, of which `fastlayers.Sequential` inherits the methods below."""

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
            If a layer is not one of this package's; a layer, this network, one within it, or a loss that makes the
            probabilities has a ``forward``, ``backward`` or ``predict`` of your own; the loss makes no probabilities
            where they are asked for; or the dtype of the parameters is not one of float16, float32, float64 for all.
        ValueError
            If the network has no parameters or more than 2 GiB of them, their shapes or `input_shape` do not fit, or a
            `BatchNormalization` has no running statistics yet.
        OSError
            If the file cannot be written; a file that was there is as it was.
        """
        from . import onnx

        onnx.save(path, self, input_shape=input_shape, probabilities=probabilities)

    def to_c(
        self,
        path: str | os.PathLike[str],
        name: str | None = None,
        *,
        input_shape: Sequence[int] | None = None,
        probabilities: bool = False,
    ) -> None:
        """Write the network's prediction as one C99 file, and a header beside it: both or neither.

        The file needs nothing but ``math.h``, not even its header. It allocates nothing, and compiles as C++ too.
        ``policy.c`` defines the function ``void policy(const float *x, float *y)``, which takes one sample. If the
        parameters are of float64, it takes and gives ``double``. If the first layer is an `Embedding`, it takes
        ``const int *x``, and an index outside the table gives nan.

        ``policy.h``, for your program to include, declares the function, in C++ as ``extern "C"``, and defines
        ``POLICY_INPUT_SIZE`` and ``POLICY_OUTPUT_SIZE``, the numbers in x and y. A file of that name is replaced.

        If sequences go through the network, as through a `TimeLSTM`, the function takes one step of a sequence. A
        struct has what remains between two steps: ``void policy(policy_state *state, const float *x, float *y)``, with
        ``policy_reset(&state)`` before the first step.

        Parameters
        ----------
        path : str or path-like
            The file's name, which ends in ``.c``. The header's ends in ``.h`` instead.
        name : str, optional
            The function's name, with which every other name in the file begins. By default it is the file's name
            without its ending: each run of characters other than ASCII letters and digits becomes ``_``, and is left
            out at both ends. If the rest begins with a digit, or is a name that C, C++ or their libraries have,
            ``net_`` is put in front: ``3d-net.c`` has ``net_3d_net``, and ``while.c`` has ``net_while``.
        input_shape : sequence of int, optional
            As for `to_onnx`; how many steps a sequence has is of no account.
        probabilities : bool
            Give what the loss makes of the scores, as for `to_onnx`; by default y is what `predict` gives.

        Raises
        ------
        TypeError
            If a layer is none that the file can hold, as the message says; a layer, this network, one within it, or a
            loss that makes the probabilities has a ``forward``, ``backward`` or ``predict`` of your own; the loss makes
            no probabilities where they are asked for; or the dtype of the parameters is not float32 or float64 for all.
        ValueError
            If `path` does not end in ``.c``; `name` is no identifier, or one that C, C++ or their libraries have; a
            parameter, or what is predicted, is not finite; a layer takes all steps of a sequence together; the network
            has no parameters, their shapes or `input_shape` do not fit, or a `BatchNormalization` has no running
            statistics yet.
        OSError
            If one of the files cannot be written; files that were there are as they were.

        Notes
        -----
        Both files are on the disk before either gets its name. Only if the system fails between the two renames is one
        of them new and the other as it was.

        A `BatchNormalization` behind a product becomes part of it, and `Dropout` has no part. Results are within the
        bounds that `predict` keeps, but not of the same bits: a product is summed in another order. With
        ``-DPOLICY_TEST`` the file has a ``main`` that compares some samples with what `predict` gave.

        Examples
        --------
        >>> import tempfile, pathlib, numpy as np, fastlayers as fl
        >>> network = fl.Sequential([fl.Affine(np.eye(2), np.ones(2)), fl.Relu()])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     network.to_c(pathlib.Path(folder) / "policy.c")
        ...     header = (pathlib.Path(folder) / "policy.h").read_text()
        >>> "void policy(const double *x, double *y);" in header
        True
        """
        from . import c

        c.save(path, self, name, input_shape=input_shape, probabilities=probabilities)
