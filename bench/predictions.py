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

DTYPE = "float32"
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
    torch = peers.import_torch()
    net = peers.pytorch_network(network, DTYPE)
    inputs = torch.from_numpy(network.data(DTYPE)[1])

    def predict() -> Any:
        with torch.inference_mode():
            return net(inputs)

    return predict


def jax(network: Network) -> Predict:
    import jax
    import jax.numpy as jnp

    parameters, x, _ = network.data(DTYPE)
    state, inputs = [(jnp.asarray(W), jnp.asarray(b)) for W, b in parameters], jnp.asarray(x)

    @jax.jit
    def scores(state: Any, x: Any) -> Any:
        for W, b in state[:-1]:
            x = jax.nn.relu(x @ W + b)
        return x @ state[-1][0] + state[-1][1]

    return lambda: scores(state, inputs).block_until_ready()


def onnx_runtime(network: Network) -> Predict:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = fastlayers.get_num_threads()
    session = onnxruntime.InferenceSession(onnx_model(network), options, providers=["CPUExecutionProvider"])
    feed = {"x": network.data(DTYPE)[1]}
    return lambda: session.run(None, feed)[0]


def onnx_model(network: Network) -> bytes:
    """The network in ONNX: a Gemm for each affine layer, Relu between."""
    from onnx import TensorProto, helper, numpy_helper

    parameters = network.data(DTYPE)[0]
    nodes, weights, name = [], [], "x"
    for i, (W, b) in enumerate(parameters):
        weights += [numpy_helper.from_array(W, f"W{i}"), numpy_helper.from_array(b, f"b{i}")]
        nodes.append(helper.make_node("Gemm", [name, f"W{i}", f"b{i}"], [f"y{i}"]))
        name = f"y{i}"
        if i < len(parameters) - 1:
            nodes.append(helper.make_node("Relu", [name], [f"h{i}"]))
            name = f"h{i}"
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [network.batch, network.widths[0]])
    y = helper.make_tensor_value_info(name, TensorProto.FLOAT, [network.batch, network.widths[-1]])
    graph = helper.make_graph(nodes, "network", [x], [y], weights)
    # Of versions that every runtime of the last years reads.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


# name -> the modules that it needs, and its maker
PREDICTIONS = {
    "NumPy": (("numpy",), plain),
    "ONNX Runtime": (("onnxruntime", "onnx"), onnx_runtime),
    "PyTorch": (("torch",), pytorch),
    "JAX jit": (("jax",), jax),
}
