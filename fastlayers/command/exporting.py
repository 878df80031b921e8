"""What ``fastlayers export`` does: a saved network as a file for where there is no fastlayers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..formats import c
from ..network import Sequential
from . import documents
from .predicting import InputError


def export(
    model: Path, file: Path, name: str | None, input_shape: Sequence[int] | None, probabilities: bool
) -> documents.Document:
    """Write the network of a model file to another, in the format that its ending says, and say what it takes."""
    if name is not None and file.suffix != ".c":
        raise InputError(f"--name is of a function in C, which {file} has not")
    if file.suffix == ".safetensors" and (input_shape is not None or probabilities):
        raise InputError(f"--input-shape and --probabilities are of no use to {file}, which has the weights alone")
    network = Sequential.from_safetensors(model) if model.suffix == ".safetensors" else Sequential.load(model)
    written = None
    try:
        if file.suffix == ".c":
            written = c.save(file, network, name, input_shape=input_shape, probabilities=probabilities)
        elif file.suffix == ".onnx":
            network.to_onnx(file, input_shape=input_shape, probabilities=probabilities)
        else:
            network.to_safetensors(file)
    except (TypeError, ValueError) as error:
        raise InputError(f"{model}: {error}") from error
    if written is None:
        print(f"{model} written as {file}")
        return documents.exported(model, file)
    sizes = written.sizes
    print(f"{model} written as {file} and {written.header}: the function {written.name}")
    print(f"flash: {sizes.constants:,} bytes of constants, beside the code")
    remaining = f", and {sizes.state:,} bytes from step to step" if sizes.state else ""
    print(f"RAM: {sizes.stack:,} bytes of the stack during a call{remaining}")
    return documents.exported(model, file, written)
