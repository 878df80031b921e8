"""The names of the books that are not here, with advice for each. Imported only when a missing name was asked for.

The files are those of the books' code: ``common/`` of volume 1 (*Deep Learning from Scratch*) and of volume 2 (on
natural language processing), and the networks and layers in a chapter's own folder.
"""

from __future__ import annotations

# The replacement here: the test reads the names in it.
INSTEAD = {
    "BaseModel": "Sequential, with Sequential.save and Sequential.load",
    "CBOW": "word2vec.Word2Vec",
    "DeepConvNet": "Sequential, of Convolution, Relu, Pooling, Flatten, Affine and Dropout",
    "MultiLayerNet": "Sequential",
    "MultiLayerNetExtend": "Sequential",
    "Rnnlm": "Sequential, of TimeEmbedding, TimeLSTM and TimeAffine",
    "SimpleCBOW": "word2vec.Word2Vec",
    "SimpleConvNet": "Sequential, of Convolution, Relu, Pooling, Flatten and Affine",
    "SimpleRnnlm": "Sequential, of TimeEmbedding, TimeRNN and TimeAffine",
    "SimpleSkipGram": "word2vec.Word2Vec",
    "Simple_TimeAffine": "TimeAffine",
    "Simple_TimeSoftmaxWithLoss": "TimeSoftmaxWithLoss",
    "SkipGram": "word2vec.Word2Vec",
    "Trainer": "Sequential.fit",
    "TwoLayerNet": "Sequential([Affine(W1, b1), Relu(), Affine(W2, b2)], SoftmaxWithLoss())",
    "load_mnist": "datasets.load_digits, and datasets.load_idx for the files of MNIST",
    "numerical_gradient": "testing.numerical_gradient",
    "relu_grad": "relu_forward and relu_backward",
    "sigmoid_grad": "sigmoid_forward and sigmoid_backward",
    "softmax_loss": "softmax_cross_entropy(X, t)[0]",
    "sum_squared_error": 'mean_squared_error(y, t, reduction="sum")[0] / 2',
}

# What scripts use beside layers.
NOT_HERE = {
    "ch07/seq2seq.py": ("Decoder", "Encoder", "Seq2seq"),
    "ch07/peeky_seq2seq.py": ("PeekyDecoder", "PeekySeq2seq"),
    "ch08/attention_seq2seq.py": ("AttentionDecoder", "AttentionEncoder", "AttentionSeq2seq"),
    "ch06/better_rnnlm.py": ("BetterRnnlm",),
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
