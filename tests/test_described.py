"""What networks, layers, losses and optimizers say of themselves."""

import numpy as np
import pytest

import fastlayers as fl

f32 = np.float32


class Mine(fl.Relu):
    """A user's own subclass, with a constructor of its own."""

    def __init__(self, strength):
        super().__init__()
        self.strength = strength


class Doubled(fl.SGD):
    """Another, which does not call the constructor that it inherits."""

    def __init__(self):
        self.lr = 0.2


class Own:
    """A user's own layer that inherits nothing."""

    def forward(self, x):
        return x

    def backward(self, dout):
        return dout


class Spoken(Own):
    """One that says what it is."""

    def __repr__(self):
        return "Spoken(2)"


SAID = {
    "Affine(W=float32[784,50], b=float32[50])": lambda book: book.Affine(np.zeros((784, 50), f32), np.zeros(50, f32)),
    "Affine(W=float64[2,3])": lambda book: book.Affine(np.zeros((2, 3))),
    "Relu()": lambda book: book.Relu(),
    "LeakyRelu()": lambda book: book.LeakyRelu(0.01),
    "LeakyRelu(negative_slope=0.2)": lambda book: book.LeakyRelu(0.2),
    "Sigmoid()": lambda book: book.Sigmoid(),
    "Tanh()": lambda book: book.Tanh(),
    "Dropout(dropout_ratio=0.1)": lambda book: book.Dropout(0.1, rng=3),
    "MulLayer()": lambda book: book.MulLayer(),
    "AddLayer()": lambda book: book.AddLayer(),
    "SoftmaxWithLoss()": lambda book: book.SoftmaxWithLoss(),
    "SoftmaxWithLoss(weight=[1, 2], ignore_index=-1, label_smoothing=0.1, reduction='sum')": lambda book: (
        book.SoftmaxWithLoss(weight=[1, 2], ignore_index=-1, label_smoothing=0.1, reduction="sum")
    ),
    "SigmoidWithLoss(reduction='none')": lambda book: book.SigmoidWithLoss(reduction="none"),
    "MeanSquaredError()": lambda book: book.MeanSquaredError(),
    "HuberLoss(delta=0.5)": lambda book: book.HuberLoss(0.5),
    "SGD()": lambda book: book.SGD(),
    "SGD(lr=0.1, clip_norm=1.0)": lambda book: book.SGD(0.1, clip_norm=1.0),
    "Momentum(momentum=0.8, nesterov=True)": lambda book: book.Momentum(momentum=0.8, nesterov=True),
    "Adam(lr=StepDecay(lr=0.1, every=5, factor=0.1))": lambda book: book.Adam(fl.schedules.StepDecay(0.1, 5)),
    "AdamW()": lambda book: book.AdamW(weight_decay=0.01),
    "AdamW(weight_decay=0.0)": lambda book: book.AdamW(weight_decay=0.0),
}


@pytest.mark.parametrize("book", [fl, fl.reference], ids=["fastlayers", "reference"])
@pytest.mark.parametrize(("said", "make"), SAID.items(), ids=SAID)
def test_class_arrays_and_options_that_are_not_the_default(book, said, make):
    assert repr(make(book)) == said


def test_a_users_own_go_by_their_own_names():
    assert repr(Mine(3)) == "Mine()"
    assert repr(Doubled()) == "Doubled(lr=0.2)"
    net = fl.Sequential([Own(), Spoken(), Mine(1)], fl.SoftmaxWithLoss())
    assert repr(net) == "Sequential([Own(...), Spoken(2), Mine()], SoftmaxWithLoss())"


def test_a_long_network_has_a_line_for_each_layer():
    layers = [fl.Affine(np.zeros((784, 50), f32), np.zeros(50, f32)), fl.Relu(), fl.Affine(np.zeros((50, 10), f32))]
    net = fl.Sequential([fl.Sequential(layers, fl.SoftmaxWithLoss()), fl.Tanh()], fl.MeanSquaredError())
    assert repr(net) == (
        "Sequential(\n"
        "    [\n"
        "        Sequential(\n"
        "            [\n"
        "                Affine(W=float32[784,50], b=float32[50]),\n"
        "                Relu(),\n"
        "                Affine(W=float32[50,10]),\n"
        "            ],\n"
        "            SoftmaxWithLoss(),\n"
        "        ),\n"
        "        Tanh(),\n"
        "    ],\n"
        "    MeanSquaredError(),\n"
        ")"
    )


class Silent:
    """Whose every answer is an error."""

    def __repr__(self):
        raise OSError("no")

    def __eq__(self, other):
        raise OSError("no")

    __hash__ = None


class Refusing(fl.Affine):
    """Whose weights cannot be asked for."""

    @property
    def W(self):
        raise OSError("no")

    @W.setter
    def W(self, value):
        pass


VALUES = [Silent(), Silent, 10**5000, np.zeros(3), [Silent()], None, float("nan")]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_whatever_an_attribute_is_set_to_nothing_is_raised(value):
    made = [make(fl) for make in SAID.values()]
    made.append(fl.Sequential([fl.Relu()], fl.SoftmaxWithLoss()))
    for thing in made:
        for name in list(vars(thing)):
            setattr(thing, name, value)
        assert repr(thing).startswith(f"{type(thing).__name__}(")


def test_neither_what_is_missing_nor_a_circle_is_an_error():
    assert repr(fl.Affine.__new__(fl.Affine)) == "Affine()"
    assert repr(fl.Adam.__new__(fl.Adam)) == "Adam()"
    assert repr(Refusing(np.zeros((2, 2)))) == "Refusing(W=<OSError>)"
    assert repr(fl.Sequential.__new__(fl.Sequential)) == "Sequential([])"
    layer = fl.Affine(np.zeros((1, 1)))
    layer.b = layer
    assert repr(layer) == "Affine(W=float64[1,1], b=...)"
    net = fl.Sequential([layer], fl.SoftmaxWithLoss())
    net.layers.append(net)
    assert "..." in repr(net)
