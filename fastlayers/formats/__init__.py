"""The files that a network travels in: ``.npz``, safetensors, ONNX; and PyTorch's ``state_dict``.

`portable` has the methods that `fastlayers.Sequential` offers; a file for each format has what they do, in terms of
layers and a loss; `kinds` says what is written of each layer, and `description` puts it together and checks it.
"""

__all__ = ["ModelFileError"]


class ModelFileError(ValueError):
    """A file that is not a whole, undamaged model of a version that this package reads."""
