"""The same prediction elsewhere: plain NumPy, PyTorch, JAX, ONNX Runtime.

Each maker takes a network and gives a function without arguments that returns the scores, in whatever the
library calls an array. Inputs are that already, so nobody pays for a conversion; float32.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import peers

import fastlayers
from fastlayers.command.cases import Network
from fastlayers.formats import onnx

DTYPE = "float32"
ERRORS = 3
Predict = Callable[[], Any]


def plain(network: Network) -> Predict:
    parameters, x, _ = network.data(DTYPE)
    *hidden, (last_W, last_b) = parameters

    def predict() -> Any:
        y = x
        for W, b in hidden:
            y = np.maximum(y @ W + b, 0)
        return y @ last_W + last_b

    return predict


def pytorch(network: Network) -> Predict:
    return pytorch_scores(peers.pytorch_network(network, DTYPE), network.data(DTYPE)[1])


def pytorch_scores(net: Any, x: Any) -> Predict:
    torch = peers.import_torch()
    inputs = torch.from_numpy(x)

    def predict() -> Any:
        with torch.inference_mode():
            return net(inputs)

    return predict


def jax(network: Network) -> Predict:
    parameters, x, _ = network.data(DTYPE)
    return jax_scores(peers.jax_scores, parameters, x)


def jax_scores(scores: Callable[[Any, Any], Any], parameters: Any, x: Any) -> Predict:
    jax = peers.import_jax()
    import jax.numpy as jnp

    state, inputs = [(jnp.asarray(W), jnp.asarray(b)) for W, b in parameters], jnp.asarray(x)
    compiled = jax.jit(scores)
    return lambda: compiled(state, inputs).block_until_ready()


def onnx_runtime(network: Network) -> Predict:
    net = network.step(fastlayers, DTYPE).function.__self__
    return onnx_scores(net, network.data(DTYPE)[1])


def onnx_scores(net: fastlayers.Sequential, x: Any) -> Predict:
    session = onnx_session(net, x)
    feed = {"x": x}
    return lambda: session.run(None, feed)[0]


def onnx_session(net: fastlayers.Sequential, x: Any) -> Any:
    import onnxruntime

    model = onnx.model(net, input_shape=x.shape[1:]).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = fastlayers.get_num_threads()
    options.log_severity_level = ERRORS  # it warns of a state that may be left out
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


# name -> the modules that it needs, and its maker
PREDICTIONS = {
    "NumPy": (("numpy",), plain),
    "ONNX Runtime": (("onnxruntime", "onnx"), onnx_runtime),
    "PyTorch": (("torch",), pytorch),
    "JAX jit": (("jax",), jax),
}
