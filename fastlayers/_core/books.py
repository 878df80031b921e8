"""The names of the books that are not here, and what to do about each. Imported only when one was asked for.

The files are those of the books' code, ``common/`` of volume 1 (*Deep Learning from Scratch*) and of volume 2 (on
natural language processing), and layers that volume 2 has in a chapter's own folder.
"""

from __future__ import annotations

import opcode
import sys

# What is here under another name.
INSTEAD = {
    "BaseModel": "Sequential, with save and load",
    "MultiLayerNet": "Sequential",
    "MultiLayerNetExtend": "Sequential",
    "Simple_TimeAffine": "TimeAffine",
    "Simple_TimeSoftmaxWithLoss": "TimeSoftmaxWithLoss",
    "Trainer": "Sequential.fit",
    "numerical_gradient": "it in fastlayers.testing",
    "relu_grad": "relu_forward and relu_backward",
    "sigmoid_grad": "sigmoid_forward and sigmoid_backward",
    "softmax_loss": "softmax_cross_entropy(X, t)[0]",
    "sum_squared_error": 'mean_squared_error(y, t, reduction="sum")[0] / 2',
}

# What scripts need beside layers, and has no place here.
NOT_HERE = {
    "common/functions.py": ("identity_function", "step_function"),
    "common/gradient.py": ("numerical_gradient_2d",),
    "common/trainer.py": ("RnnlmTrainer", "remove_duplicate"),
    "common/util.py": (
        "analogy",
        "conv_output_size",
        "convert_one_hot",
        "cos_similarity",
        "create_co_matrix",
        "create_contexts_target",
        "eval_perplexity",
        "eval_seq2seq",
        "most_similar",
        "normalize",
        "ppmi",
        "preprocess",
        "shuffle_dataset",
        "smooth_curve",
        "to_cpu",
        "to_gpu",
    ),
}


def absent(module: str, name: str) -> AttributeError | ImportError:
    """What a module raises for a name that it does not have.

    Parameters
    ----------
    module : str
        The module's ``__name__``.
    name : str
        What was asked of it.

    Returns
    -------
    AttributeError or ImportError
        An ImportError where the name stands in a ``from ... import``, which makes its own message of an
        AttributeError; an AttributeError everywhere else, so that ``hasattr`` answers.
    """
    says = _advice(module, name)
    if says is None:
        return AttributeError(f"module {module!r} has no attribute {name!r}")
    asking = sys._getframe(2)
    if asking.f_code.co_code[asking.f_lasti] == opcode.opmap["IMPORT_FROM"]:
        return ImportError(says, name=module)
    return AttributeError(says)


def _advice(module: str, name: str) -> str | None:
    """What to do about a name of the books; None for any other."""
    if name in INSTEAD:
        return f"{module} has no {name}: fastlayers has {INSTEAD[name]}"
    for file, names in NOT_HERE.items():
        if name in names:
            return f"{module} has no {name}: keep the book's own from {file}"
    return None
