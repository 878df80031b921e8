"""The files that a network travels in: ``.npz``, safetensors, ONNX, C; and PyTorch's ``state_dict``.

`portable` and `exported` have the methods that `fastlayers.Sequential` offers, and a file for each format has what they
do. `kinds` says what is written of each layer, and `description` puts it together and checks it.
"""

__all__ = ["ModelFileError"]


class ModelFileError(ValueError):
    """A file that is not a whole, undamaged model of a version that this package reads."""
