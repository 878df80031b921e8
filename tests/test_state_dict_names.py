"""Which module of a state_dict each layer takes: by the names that are given, by numbers, or because no other fits."""

import itertools
import json
import random
import re
import warnings

import numpy as np
import pytest
from kit import assert_same, numbers

import fastlayers as fl


def arrays(*shapes):
    return [numbers(shape if isinstance(shape, tuple) else (shape,), np.float32, i) for i, shape in enumerate(shapes)]


# Layers of each kind that has parameters. The modules of two look alike: a table and a linear layer without a bias.
KINDS = {
    "linear": lambda: fl.Affine(*arrays((3, 4), 4)),
    "no bias": lambda: fl.Affine(*arrays((3, 4))),
    "square": lambda: fl.Affine(*arrays((4, 4), 4)),
    "table": lambda: fl.Embedding(*arrays((4, 3))),
    "convolution": lambda: fl.Convolution(*arrays((4, 3, 2, 2), 4)),
    "wider": lambda: fl.Convolution(*arrays((4, 3, 3, 2), 4)),
    "norm": lambda: fl.BatchNormalization(*arrays(4, 4), eps=1e-5),
    "rnn": lambda: fl.TimeRNN(*arrays((3, 4), (4, 4), 4)),
    "lstm": lambda: fl.TimeLSTM(*arrays((3, 16), (4, 16), 16)),
    "both ways": lambda: fl.TimeBiLSTM(*arrays((3, 16), (4, 16), 16, (3, 16), (4, 16), 16)),
}
NAMES = ("encoder.fc1", "inp", "out", "hidden", "fc2", "fc10", "encoder.head")


class Between:
    """A user's layer, behind which no shape is known: layers of all kinds can follow each other."""

    def forward(self, x):
        return x

    def backward(self, dout):
        return dout


def network(kinds, seed=0):
    net = fl.Sequential([layer for kind in kinds for layer in (KINDS[kind](), Between())])
    rng = np.random.default_rng(seed)
    for param in net.params:
        param[...] = rng.standard_normal(param.shape)
    return net


def renamed(net, names):
    """Its state with other names of its modules."""
    places = dict.fromkeys(key.rpartition(".")[0] for key in net.state_dict())
    name_of = dict(zip(places, names, strict=True))
    return {f"{name_of[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}": a for key, a in net.state_dict().items()}


def is_same(net, other):
    return all(np.array_equal(*pair) for pair in zip(net.params, other.params, strict=True))


def fits(kinds, state, names):
    try:
        network(kinds).load_state_dict(state, names=names)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("seed", range(40))
def test_modules_are_never_permuted_in_silence(seed):
    """Without names a state is loaded if one order of names could be given; else the message shows one."""
    r = random.Random(seed)
    kinds = r.choices(r.sample([*KINDS], 3), k=r.randint(2, 4))
    source, net, before = network(kinds, 1), network(kinds, 2), network(kinds, 2)
    right = r.sample(NAMES, len(kinds))
    state = renamed(source, right)
    state = dict(r.choice([sorted, lambda items: r.sample(items, len(items))])([*state.items()]))
    fitting = [names for names in itertools.permutations(right) if fits(kinds, state, names)]
    assert tuple(right) in fitting
    if len(fitting) == 1:
        net.load_state_dict(state)
    else:
        with pytest.raises(ValueError, match="in more than one order") as error:
            net.load_state_dict(state)
        assert is_same(net, before)
        shown = re.search(r"load_state_dict\(state, names=(\[.*\])\)", str(error.value))
        assert tuple(eval(shown[1])) in fitting
        net.load_state_dict(state, names=right)
    assert is_same(net, source)
    for places in (net.layers[::2], range(0, 2 * len(kinds), 2)):
        other = network(kinds, 3)
        net.load_state_dict(renamed(other, right), names=dict(r.sample([*zip(right, places, strict=True)], len(kinds))))
        assert is_same(net, other)


@pytest.mark.parametrize("seed", range(10))
def test_a_state_of_this_package_comes_back(seed):
    """In any order of its keys, with any layers."""
    r = random.Random(seed)
    kinds = r.choices([*KINDS], k=12)
    source, net = network(kinds, 1), network(kinds, 2)
    items = [*source.state_dict().items()]
    net.load_state_dict(dict(r.sample(items, len(items))))
    assert is_same(net, source)


TWO = fl.Sequential([fl.Affine(*arrays((2, 2), 2)), fl.Relu(), fl.Sequential([fl.Affine(*arrays((2, 2), 2))])])
STATE = renamed(TWO, ("fc1", "encoder.fc2"))
EACH = r'names must have each module of the state once, "fc1", "encoder.fc2": '
WRONG = {
    "missing": (["fc1"], ValueError, f'{EACH}"encoder.fc2" is missing$'),
    "superfluous": (["fc1", "encoder.fc2", "fc3"], ValueError, f'{EACH}"fc3" is unknown$'),
    "doubled": (["fc1", "encoder.fc2", "fc1"], ValueError, f'{EACH}"fc1" is there 2 times$'),
    "unknown": (["fc1", "fc2"], ValueError, f'{EACH}"encoder.fc2" is missing, "fc2" is unknown$'),
    "a key": (["fc1.weight", "encoder.fc2"], ValueError, '"fc1" is missing, "fc1.weight" is unknown'),
    "none": ([], ValueError, f'{EACH}"fc1" is missing, "encoder.fc2" is missing$'),
    "one string": ("fc1", TypeError, "names must be a list of names, or a mapping from names to layers, not 'fc1'"),
    "a number": (3, TypeError, "names must be a list of names, .* not 3"),
    "numbers": ([0, 2], TypeError, "names must have names of modules, which are strings, not 0"),
    "layers as keys": ({TWO.layers[0]: "fc1"}, TypeError, "which are strings, not Affine"),
    "one place twice": ({"fc1": 0, "encoder.fc2": "0"}, ValueError, "layer 0 for both fc1 and encoder.fc2"),
    "one place only": ({"fc1": 0}, ValueError, '"encoder.fc2" is missing'),
    "no parameters": ({"fc1": 0, "encoder.fc2": 1}, ValueError,
        r"names has 1 for 'encoder.fc2': expected a layer .* or its place, of 0 \(Affine\), 2.0 \(Affine\)"),
    "a network": ({"fc1": 0, "encoder.fc2": TWO.layers[2]}, ValueError, "names has a Sequential for 'encoder.fc2'"),
    "another's layer": ({"fc1": fl.Affine(np.eye(2)), "encoder.fc2": 0}, ValueError, "names has a Affine for 'fc1'"),
    "a switch": ({"fc1": False, "encoder.fc2": "2.0"}, ValueError, "names has a bool for 'fc1'"),
    "two places": ({"fc1": [0, "2.0"], "encoder.fc2": 0}, ValueError, "the module 'fc1' has 1 layers, but names has 2"),
}  # fmt: skip


@pytest.mark.parametrize(("names", "error", "message"), WRONG.values(), ids=WRONG)
def test_names_that_are_refused_change_nothing(names, error, message):
    before = [param.copy() for param in TWO.params]
    with pytest.raises(error, match=message):
        TWO.load_state_dict({key: array + 1 for key, array in STATE.items()}, names=names)
    for param, kept in zip(TWO.params, before, strict=True):
        assert_same(param, kept)


def test_names_of_which_shapes_do_not_fit():
    net = fl.Sequential([fl.Affine(*arrays((3, 2), 2)), fl.Affine(*arrays((2, 1), 1))])
    state = renamed(net, ("a", "b"))
    net.load_state_dict(dict(sorted(state.items(), reverse=True)))
    with pytest.raises(ValueError, match=r"b.weight has shape \(1, 2\); for W of layer 0 of shape \(3, 2\) it must be"):
        net.load_state_dict(state, names=["b", "a"])
    with pytest.raises(ValueError, match=r"c.weight has shape \(1, 3\); for W of layer 1 of shape \(2, 1\) it must be"):
        net.load_state_dict({"c.weight": np.ones((1, 3)), "c.bias": [0], **renamed(fl.Sequential(net.layers[:1]), "a")})


# Recurrent modules of several layers


def sequences():
    params = [arrays((3, 16), (4, 16), 16), arrays((4, 16), (4, 16), 16)]
    return fl.Sequential([fl.TimeLSTM(*params[i]) for i in (0, 1)] + [fl.TimeAffine(*arrays((4, 3), 3))])


def in_one(state):
    """A state in which the second of two recurrent modules, named as the first and a dot, becomes its second layer."""
    return {re.sub(r"\.\.(.*)_l0", r".\1_l1", key): array for key, array in state.items()}


def of_sequences():
    return in_one(renamed(sequences(), ("lstm", "lstm.", "fc")))


@pytest.mark.parametrize("names", [None, ["lstm", "fc"], {"fc": 2, "lstm": [0, 1]}], ids=str)
def test_a_recurrent_module_takes_a_layer_for_each_of_its_own(names):
    net, source = sequences(), sequences()
    for param in net.params:
        param[...] = 0
    net.load_state_dict(dict(sorted(of_sequences().items())), names=names)
    assert is_same(net, source)


def test_layers_of_a_recurrent_module_that_are_exchanged_or_apart():
    layers = sequences().layers
    apart = fl.Sequential([layers[0], fl.TimeAffine(*arrays((4, 4), 4)), layers[1]])
    state = of_sequences() | {"fc.weight": np.eye(4), "fc.bias": np.ones(4)}
    with pytest.raises(ValueError, match="as lstm_l0 for layer 0, fc for layer 1, lstm_l1 for layer 2 alone"):
        apart.load_state_dict(state)
    apart.load_state_dict(state, names={"lstm": [0, 2], "fc": 1})
    with pytest.raises(ValueError, match="the module 'lstm' has 2 layers, but names has 1 for it"):
        apart.load_state_dict(state, names={"lstm": 0, "fc": 1})
    with pytest.raises(ValueError, match=r"weight_ih_l1 has shape \(16, 4\); for Wx of layer 0"):
        sequences().load_state_dict(of_sequences(), names={"lstm": [1, 0], "fc": 2})


def test_two_recurrent_modules_that_could_share_their_layers():
    """The call that the message shows keeps a module's layers together."""
    lstms = [fl.TimeLSTM(*arrays((4, 16), (4, 16), 16)) for _ in range(3)]
    net = fl.Sequential([*lstms[:2], fl.TimeAffine(*arrays((4, 4), 4)), lstms[2]])
    state = in_one(renamed(net, ("two", "two.", "fc", "a")))
    with pytest.raises(ValueError, match=r"state, names=\[\"two\", \"fc\", \"a\"\]\)"):
        net.load_state_dict(dict(sorted(state.items())))


def test_the_call_that_is_shown_counts_numbers_in_names():
    """A file has them sorted as text; else the state's order is shown."""
    net, names = network(["square"] * 11), [f"fc{i}" for i in range(11)]
    state = renamed(net, names)
    for order, shown in ((sorted(state), names), (reversed(state), names[::-1])):
        with pytest.raises(ValueError, match=re.escape(f"names={json.dumps(shown)})")):
            net.load_state_dict({key: state[key] for key in order})


def test_numbers_that_contradict_the_only_assignment():
    net = fl.Sequential([fl.Parallel([KINDS[kind]() for kind in ("square", "linear", "norm")])])
    state = renamed(net, ("enc.1", "enc.0", "norm"))
    with pytest.raises(
        ValueError, match=r"enc\.1 for layer 0\.0, enc\.0 for layer 0\.1, norm for layer 0\.2 alone, which"
    ):
        net.load_state_dict(state)
    net.load_state_dict(state, names=["enc.1", "enc.0", "norm"])


# Batch normalization's eps


@pytest.mark.parametrize("nested", [False, True])
def test_the_books_eps_is_warned_of_once(nested):
    norms = [fl.BatchNormalization(*arrays(4, 4), **eps) for eps in ({}, {"eps": 1e-5}, {"eps": 10e-7})]
    net = fl.Sequential([KINDS["linear"](), fl.Sequential(norms) if nested else fl.Relu(), *([] if nested else norms)])
    places = "1.0, 1.2" if nested else "2, 4"
    state = net.state_dict()
    with pytest.warns(UserWarning, match=f"in layer {places}: .*BatchNormalization.*, eps=1e-5") as caught:
        net.load_state_dict(state)
    assert [warning.filename for warning in caught] == [__file__]
    state = {key: array + 1 for key, array in state.items()}
    with pytest.raises(UserWarning):
        net.load_state_dict(state)
    assert not any(np.array_equal(a, b) for a, b in zip(net.state_dict().values(), state.values(), strict=True))
    for norm in norms:
        norm.eps = 1e-5
    net.load_state_dict(state)


def test_the_warning_can_be_silenced():
    net = fl.Sequential([fl.BatchNormalization(*arrays(4, 4))])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "eps of BatchNormalization")
        net.load_state_dict(net.state_dict())
