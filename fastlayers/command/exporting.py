"""What ``fastlayers export`` does: a saved network as a file for where there is no fastlayers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..formats import c
from ..formats.c_names import check_name
from ..network import Sequential
from . import documents
from .predicting import InputError


def export(
    model: Path, file: Path, name: str | None, input_shape: Sequence[int] | None, probabilities: bool
) -> documents.Document:
    """Write the network of a model file to another, in the format that its ending says, and tell what it takes."""
    if name is not None and file.suffix != ".c":
        raise InputError(f"--name is of a function in C, which {file} has not")
    if file.suffix == ".safetensors" and (input_shape is not None or probabilities):
        raise InputError(f"--input-shape and --probabilities are of no use to {file}, which has the weights alone")
    network = Sequential.from_safetensors(model) if model.suffix == ".safetensors" else Sequential.load(model)
    sizes = None
    try:
        if file.suffix == ".c":
            sizes = c.save(
                file,
                network.layers,
                network.loss_layer,
                _function(file, name),
                input_shape=input_shape,
                probabilities=probabilities,
            )
        elif file.suffix == ".onnx":
            network.to_onnx(file, input_shape=input_shape, probabilities=probabilities)
        else:
            network.to_safetensors(file)
    except (TypeError, ValueError) as error:
        raise InputError(f"{model}: {error}") from error
    print(f"{model} written as {file}")
    if sizes is None:
        return documents.exported(model, file, None, None)
    print(f"flash: {sizes.constants:,} bytes of constants, beside the code")
    remaining = f", and {sizes.state:,} bytes from step to step" if sizes.state else ""
    print(f"RAM: {sizes.stack:,} bytes of the stack during a call{remaining}")
    return documents.exported(model, file, sizes.constants, sizes.stack + sizes.state)


def _function(file: Path, name: str | None) -> str:
    """The name of the function: one that was asked for, or the file's."""
    if name is not None:
        return name
    try:
        return check_name(file.stem)
    except ValueError as error:
        raise ValueError(f"{error}, which is the file's; --name gives another") from None
