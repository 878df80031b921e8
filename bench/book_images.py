"""The book's layers of images: NumPy's operations in the order in which its chapters 6 and 7 have them.

Patches are copied into an array of float64, whatever the images' dtype is, as the book does.
"""

import sys
from collections.abc import Callable
from typing import Any

import book
import numpy as np
from book import Relu as Relu  # a network finds its layers in one module
from book import SoftmaxWithLoss


def places(side, filter_side, stride, pad):
    return (side + 2 * pad - filter_side) // stride + 1


def im2col(x, filter_h, filter_w, stride=1, pad=0):
    n, c, h, w = x.shape
    out_h, out_w = places(h, filter_h, stride, pad), places(w, filter_w, stride, pad)
    padded = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)], "constant")
    col = np.zeros((n, c, filter_h, filter_w, out_h, out_w))
    for i in range(filter_h):
        for j in range(filter_w):
            col[:, :, i, j] = padded[:, :, i : i + stride * out_h : stride, j : j + stride * out_w : stride]
    return col.transpose(0, 4, 5, 1, 2, 3).reshape(n * out_h * out_w, -1)


def col2im(col, shape, filter_h, filter_w, stride=1, pad=0):
    n, c, h, w = shape
    out_h, out_w = places(h, filter_h, stride, pad), places(w, filter_w, stride, pad)
    col = col.reshape(n, out_h, out_w, c, filter_h, filter_w).transpose(0, 3, 4, 5, 1, 2)
    x = np.zeros((n, c, h + 2 * pad + stride - 1, w + 2 * pad + stride - 1))
    for i in range(filter_h):
        for j in range(filter_w):
            x[:, :, i : i + stride * out_h : stride, j : j + stride * out_w : stride] += col[:, :, i, j]
    return x[:, :, pad : h + pad, pad : w + pad]


class Convolution:
    def __init__(self, W, b, stride=1, pad=0):
        self.W, self.b, self.stride, self.pad = W, b, stride, pad

    def forward(self, x):
        filters, _, filter_h, filter_w = self.W.shape
        n, _, h, w = x.shape
        out_h, out_w = places(h, filter_h, self.stride, self.pad), places(w, filter_w, self.stride, self.pad)
        self.x, self.col = x, im2col(x, filter_h, filter_w, self.stride, self.pad)
        self.col_W = self.W.reshape(filters, -1).T
        out = np.dot(self.col, self.col_W) + self.b
        return out.reshape(n, out_h, out_w, -1).transpose(0, 3, 1, 2)

    def backward(self, dout):
        dout = dout.transpose(0, 2, 3, 1).reshape(-1, len(self.W))
        self.db = np.sum(dout, axis=0)
        self.dW = np.dot(self.col.T, dout).transpose(1, 0).reshape(self.W.shape)
        dcol = np.dot(dout, self.col_W.T)
        return col2im(dcol, self.x.shape, *self.W.shape[2:], self.stride, self.pad)


class Pooling:
    def __init__(self, pool_h, pool_w, stride=2, pad=0):
        self.pool_h, self.pool_w, self.stride, self.pad = pool_h, pool_w, stride, pad

    def forward(self, x):
        n, c, h, w = x.shape
        out_h, out_w = places(h, self.pool_h, self.stride, 0), places(w, self.pool_w, self.stride, 0)
        col = im2col(x, self.pool_h, self.pool_w, self.stride, self.pad).reshape(-1, self.pool_h * self.pool_w)
        self.x, self.arg_max = x, np.argmax(col, axis=1)
        return np.max(col, axis=1).reshape(n, out_h, out_w, c).transpose(0, 3, 1, 2)

    def backward(self, dout):
        dout = dout.transpose(0, 2, 3, 1)
        dmax = np.zeros((dout.size, self.pool_h * self.pool_w))
        dmax[np.arange(self.arg_max.size), self.arg_max.flatten()] = dout.flatten()
        n, out_h, out_w, _ = dout.shape
        dcol = dmax.reshape(n * out_h * out_w, -1)
        return col2im(dcol, self.x.shape, self.pool_h, self.pool_w, self.stride, self.pad)


class BatchNormalization:
    """By element: images are rows of numbers."""

    def __init__(self, gamma, beta, momentum=0.9):
        self.gamma, self.beta, self.momentum = gamma, beta, momentum
        self.running_mean = self.running_var = None

    def forward(self, x, train_flg=True):
        self.shape = x.shape
        x = x.reshape(len(x), -1)
        if self.running_mean is None:
            self.running_mean, self.running_var = np.zeros(x.shape[1]), np.zeros(x.shape[1])
        if train_flg:
            mean = x.mean(axis=0)
            self.xc = x - mean
            var = np.mean(self.xc**2, axis=0)
            self.std = np.sqrt(var + 10e-7)
            xn = self.xn = self.xc / self.std
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        else:
            xn = (x - self.running_mean) / np.sqrt(self.running_var + 10e-7)
        return (self.gamma * xn + self.beta).reshape(self.shape)

    def backward(self, dout):
        dout = dout.reshape(len(dout), -1)
        self.dbeta, self.dgamma = dout.sum(axis=0), np.sum(self.xn * dout, axis=0)
        dxn = self.gamma * dout
        dxc = dxn / self.std
        dstd = -np.sum((dxn * self.xc) / (self.std * self.std), axis=0)
        dvar = 0.5 * dstd / self.std
        dxc += (2.0 / len(dout)) * self.xc * dvar
        return (dxc - np.sum(dxc, axis=0) / len(dout)).reshape(self.shape)


class Affine(book.Affine):
    """Of images too, each a row."""

    def forward(self, x):
        self.x_shape = x.shape
        return super().forward(x.reshape(len(x), -1))

    def backward(self, dout):
        return super().backward(dout).reshape(self.x_shape)


class Dropout:
    def __init__(self, dropout_ratio=0.5):
        self.dropout_ratio = dropout_ratio

    def forward(self, x, train_flg=True):
        if not train_flg:
            return x * (1.0 - self.dropout_ratio)
        self.mask = np.random.rand(*x.shape) > self.dropout_ratio  # noqa: NPY002
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


HERE = sys.modules[__name__]


def training(network: Any, dtype: str) -> Callable[[], float]:
    """A step of an `image_networks.ImageNetwork`; it computes dx of the first layer too."""
    layers, x, t = network.layers(HERE, dtype), *network.batch_of(dtype)
    targets = np.eye(network.classes, dtype=dtype)[t]
    gradient = book.gradient(layers, SoftmaxWithLoss(), x, targets)
    return book.update(gradient, [layer for layer in layers if hasattr(layer, "W")])


def predicting(network: Any, dtype: str) -> Callable[[], Any]:
    layers, (x, _) = network.layers(HERE, dtype), network.batch_of(dtype)

    def predict() -> Any:
        y = x
        for layer in layers:
            y = layer.forward(y, False) if isinstance(layer, Dropout) else layer.forward(y)
        return y

    return predict
