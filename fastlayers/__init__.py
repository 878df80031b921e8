"""The layers of "Deep Learning from Scratch" at the speed of the machine.

>>> import fastlayers as fl
>>> relu = fl.Relu()
>>> relu.forward([[1.0, -0.5], [-2.0, 3.0]])
array([[1., 0.],
       [0., 3.]])

Layers: `MulLayer`, `AddLayer`, `Affine`, `Dropout`, activations (`Relu`, `Sigmoid`, `Tanh` and more), and the losses
`SoftmaxWithLoss`, `SigmoidWithLoss`, `MeanSquaredError`, `HuberLoss`; networks: `Sequential`, trained by its ``fit``,
which gives a `History`, with ``fastlayers.callbacks``; `SGD`, `Momentum`, `Nesterov`, `AdaGrad`, `RMSprop`, `Adam`,
`AdamW`, ``fastlayers.schedules`` of their learning rates, ``fastlayers.initializers`` of weights,
``fastlayers.training``, which cuts running text; the stateless functions behind the layers; ``fastlayers.reference``,
the same names in pure Python; ``fastlayers.testing``, gradient checks; `show_config`, what runs.
``fastlayers.datasets``, ``fastlayers.graph`` and ``fastlayers.word2vec`` are imported when they are first used.
"""

from typing import TYPE_CHECKING

try:
    from ._core.backend import get_backend, get_num_threads, set_backend, set_num_threads, show_config, use_backend
except (KeyboardInterrupt, ValueError, ImportError) as error:
    import sys

    # `python -m fastlayers` imports this before its __main__; until it has, argv[0] is "-m", and the name stands before
    # what else is in argv.
    argv = getattr(sys, "argv", [])  # an interpreter that is embedded may have none
    if argv[:1] != ["-m"] or sys.orig_argv[-len(argv)].removeprefix("-m") != __name__:
        raise
    from _fastlayers_command import tell

    sys.exit(tell(error))

from . import callbacks, functional, initializers, layers, optimizers, reference, schedules, testing, training
from ._core.names import asked_for_missing, hide_internal_bases
from ._core.protocols import Layer
from ._version import __version__
from .functional import *  # noqa: F403
from .layers import *  # noqa: F403
from .layers._summary import Summary
from .network import Parallel, Sequential
from .optimizers import *  # noqa: F403
from .optimizers import clip_grads
from .training.history import History

if TYPE_CHECKING:
    from . import datasets as datasets  # the names that type checkers take for public, though no star imports them
    from . import graph as graph
    from . import word2vec as word2vec
else:
    __getattr__ = asked_for_missing(__name__, "datasets", "graph", "word2vec")

    def __dir__():
        return sorted({*globals(), "datasets", "graph", "word2vec"})


__all__ = [
    "History",
    "Layer",
    "Parallel",
    "Sequential",
    "Summary",
    "__version__",
    "callbacks",
    "clip_grads",
    "get_backend",
    "get_num_threads",
    "initializers",
    "reference",
    "schedules",
    "set_backend",
    "set_num_threads",
    "show_config",
    "testing",
    "training",
    "use_backend",
]
__all__ += functional.__all__
__all__ += layers.__all__
__all__ += optimizers.__all__

hide_internal_bases(globals(), vars(callbacks), vars(schedules))
