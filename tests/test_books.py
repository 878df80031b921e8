"""Names of the books and of other libraries: each is here, or the error says what there is instead."""

import importlib.util
import inspect
import operator
import re
from pathlib import Path

import numpy as np
import pytest

import fastlayers as fl
from fastlayers import layers, optimizers, reference
from fastlayers._core import books, libraries

PAGE = Path(__file__).resolve().parents[1] / "docs" / "howto" / "accelerate.md"
# What is public in the books' code, file by file.
BOOKS = {
    "volume 1, common/functions.py": "cross_entropy_error identity_function relu relu_grad sigmoid sigmoid_grad "
    "softmax softmax_loss step_function sum_squared_error",
    "volume 1, common/gradient.py": "numerical_gradient numerical_gradient_2d",
    "volume 1, common/layers.py": "Affine BatchNormalization Convolution Dropout Pooling Relu Sigmoid SoftmaxWithLoss",
    "volume 1, common/multi_layer_net.py": "MultiLayerNet",
    "volume 1, common/multi_layer_net_extend.py": "MultiLayerNetExtend",
    "volume 1, common/optimizer.py": "AdaGrad Adam Momentum Nesterov RMSprop SGD",
    "volume 1, common/trainer.py": "Trainer",
    "volume 1, common/util.py": "col2im conv_output_size im2col shuffle_dataset smooth_curve",
    "volume 1, ch05/layer_naive.py": "AddLayer MulLayer",
    "volume 2, common/base_model.py": "BaseModel",
    "volume 2, common/functions.py": "cross_entropy_error relu sigmoid softmax",
    "volume 2, common/layers.py": "Affine Dropout Embedding MatMul Sigmoid SigmoidWithLoss Softmax SoftmaxWithLoss",
    "volume 2, common/optimizer.py": "AdaGrad Adam Momentum Nesterov RMSprop SGD",
    "volume 2, common/time_layers.py": "GRU LSTM RNN Simple_TimeAffine Simple_TimeSoftmaxWithLoss TimeAffine "
    "TimeBiLSTM TimeDropout TimeEmbedding TimeGRU TimeLSTM TimeRNN TimeSigmoidWithLoss TimeSoftmaxWithLoss",
    "volume 2, common/trainer.py": "RnnlmTrainer Trainer remove_duplicate",
    "volume 2, common/util.py": "analogy clip_grads convert_one_hot cos_similarity create_co_matrix "
    "create_contexts_target eval_perplexity eval_seq2seq most_similar normalize ppmi preprocess to_cpu to_gpu",
    "volume 1, ch04/two_layer_net.py": "TwoLayerNet",
    "volume 1, ch07/simple_convnet.py": "SimpleConvNet",
    "volume 1, ch08/deep_convnet.py": "DeepConvNet",
    "volume 1, dataset/mnist.py": "load_mnist",
    "volume 2, ch03 and ch04": "SimpleCBOW SimpleSkipGram CBOW SkipGram",
    "volume 2, ch05 and ch06": "SimpleRnnlm Rnnlm BetterRnnlm",
    "volume 2, ch07 and ch08": "Encoder Decoder Seq2seq PeekyDecoder PeekySeq2seq AttentionEncoder AttentionDecoder "
    "AttentionSeq2seq",
    "volume 2, ch04/negative_sampling_layer.py": "EmbeddingDot NegativeSamplingLoss UnigramSampler",
    "volume 2, ch08/attention_layer.py": "Attention AttentionWeight TimeAttention WeightSum",
}
OF_BOOKS = [*books.INSTEAD, *(name for names in books.NOT_HERE.values() for name in names)]
LISTED = [*OF_BOOKS, *libraries.INSTEAD]


def said(code):
    with pytest.raises((AttributeError, ImportError)) as raised:
        exec(code, {"fl": fl})
    return raised.type, str(raised.value)


def test_each_name_of_the_books_is_here_or_listed_once():
    for file, names in BOOKS.items():
        for name in names.split():
            assert (name in fl.__all__) + LISTED.count(name) == 1, (file, name)
    assert set(OF_BOOKS) <= set(" ".join(BOOKS.values()).split())


def test_what_there_is_instead_is_there():
    for name, instead in (books.INSTEAD | libraries.INSTEAD).items():
        words = re.findall(r"[A-Za-z_][\w.]*", instead.partition(", or a class")[0])
        found = [word.rstrip(".") for word in words if re.search(r"[A-Z_.]\w", word)]
        assert found, name
        for each in {*found} - {"W1", "W2", "PyTorch", "MNIST", "clip_norm"}:  # no names of the package
            if each.startswith("sklearn."):
                if importlib.util.find_spec("sklearn") is None:
                    continue
                importlib.import_module("fastlayers.sklearn")
            assert operator.attrgetter(each)(fl), name


@pytest.mark.parametrize("module", [fl, reference, layers, optimizers], ids=lambda module: module.__name__)
def test_a_name_that_is_listed_is_absent_and_says_so(module):
    for name in LISTED:
        if inspect.ismodule(getattr(module, name, None)):
            continue  # a family's file has its name
        assert not hasattr(module, name)
        asked = f"fl{module.__name__.removeprefix('fastlayers')}.{name}"
        for code, kind in ((f"from {module.__name__} import {name}", ImportError), (asked, AttributeError)):
            raised, message = said(code)
            assert raised is kind
            assert re.match(rf"{re.escape(module.__name__)} has no {name}(:| \()", message), message


def test_other_names_are_answered_as_python_does():
    kind, message = said("from fastlayers import Afine")
    assert kind is ImportError
    assert message.startswith("cannot import name 'Afine' from 'fastlayers'")
    with pytest.raises(AttributeError, match=r"^module 'fastlayers' has no attribute 'Afine'$") as raised:
        _ = fl.Afine
    assert (raised.value.name, raised.value.obj) == ("Afine", fl)  # from which Python suggests what was meant
    assert said("import fastlayers.Embedding")[0] is ModuleNotFoundError


@pytest.mark.skipif(not PAGE.is_file(), reason="an sdist may have no documentation")
def test_the_documentation_has_each_layer_of_the_books_in_its_table():
    table = PAGE.read_text("utf-8").partition("| of the books | there is |")[2].partition("\n\n")[0]
    there = re.findall(r"`([A-Za-z]\w+)`", table)
    assert [name for name in there if not hasattr(fl, name) and name not in books.INSTEAD] == [
        "params",
        "grads",
        "clip_norm",
    ]
    layers_of_books = {name for names in BOOKS.values() for name in names.split() if name in layers.__all__}
    assert layers_of_books <= set(there)


def test_nesterovs_momentum_takes_the_books_steps():
    rng = np.random.default_rng(0)
    ours, v = rng.standard_normal((3, 2)), 0.0
    books = ours.copy()
    optimizer = fl.Momentum(0.1, 0.9, nesterov=True)
    for _ in range(5):
        grad = rng.standard_normal((3, 2))
        books += 0.9 * 0.9 * v - 1.9 * 0.1 * grad
        v = 0.9 * v - 0.1 * grad
        optimizer.update({"W": ours}, {"W": grad})
        np.testing.assert_allclose(ours, books, rtol=1e-12)
