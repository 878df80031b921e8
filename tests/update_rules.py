"""The optimizers' rules written out, and a problem for them to step through."""

import kit
import numpy as np

import fastlayers as fl


def sgd(param, grads, lr=0.1):
    for g in grads:
        param = param - lr * g
    return param


def momentum(param, grads, lr=0.1, alpha=0.8):
    v = np.zeros_like(param)
    for g in grads:
        v = alpha * v - lr * g
        param = param + v
    return param


def nesterov(param, grads, lr=0.1, alpha=0.8):
    v = np.zeros_like(param)
    for g in grads:
        param = param + alpha * alpha * v - (1 + alpha) * lr * g
        v = alpha * v - lr * g
    return param


def adagrad(param, grads, lr=0.1):
    return rmsprop(param, grads, lr, keep=1, gain=1)


def rmsprop(param, grads, lr=0.1, keep=0.8, gain=0.2):
    h = np.zeros_like(param)
    for g in grads:
        h = keep * h + gain * g * g
        param = param - lr * g / (np.sqrt(h) + 1e-7)
    return param


def adam(param, grads, lr=0.1, beta1=0.8, beta2=0.95, eps=1e-3):
    m, v = np.zeros_like(param), np.zeros_like(param)
    for t, g in enumerate(grads, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        param = param - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
    return param


OPTIMIZERS = {
    "SGD": (lambda: fl.SGD(lr=0.1), sgd),
    "Momentum": (lambda: fl.Momentum(lr=0.1, momentum=0.8), momentum),
    "Nesterov": (lambda: fl.Nesterov(lr=0.1, momentum=0.8), nesterov),
    "AdaGrad": (lambda: fl.AdaGrad(lr=0.1), adagrad),
    "RMSprop": (lambda: fl.RMSprop(lr=0.1, decay_rate=0.8), rmsprop),
    "Adam": (lambda: fl.Adam(lr=0.1, beta1=0.8, beta2=0.95, eps=1e-3), adam),
}


def problem(dtype=np.float64, steps=1):
    """Two parameters, and their gradients of a few steps."""
    params = [kit.numbers((4, 3), dtype), kit.numbers((3,), dtype, 1)]
    return params, [[kit.numbers(p.shape, dtype, 5 + i) for p in params] for i in range(steps)]
