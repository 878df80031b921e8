"""The names of other libraries, with what there is here instead. Imported only when a missing name was asked for."""

from __future__ import annotations

# The replacement here: the test reads the names in it.
PYTORCH = {
    "AdaptiveAvgPool2d": "GlobalAveragePooling, for an output of 1 x 1",
    "Adagrad": "AdaGrad",
    "AvgPool2d": "AveragePooling",
    "BCELoss": "SigmoidWithLoss, which applies the sigmoid itself",
    "BCEWithLogitsLoss": "SigmoidWithLoss",
    "BatchNorm1d": "BatchNormalization, with eps=1e-5 as in PyTorch",
    "BatchNorm2d": "BatchNormalization, with eps=1e-5 as in PyTorch",
    "Conv1d": "Convolution, on images of height 1",
    "Conv2d": "Convolution, with parameters of initializers.convolution",
    "CosineAnnealingLR": "schedules.CosineDecay, given as an optimizer's lr",
    "CrossEntropyLoss": "SoftmaxWithLoss",
    "DataLoader": "Sequential.fit, which shuffles and cuts batches",
    "ELU": "Elu",
    "ExponentialLR": "schedules.ExponentialDecay, given as an optimizer's lr",
    "GELU": "Gelu",
    "LeakyReLU": "LeakyRelu",
    "Linear": "Affine, with parameters of initializers.affine",
    "MSELoss": "MeanSquaredError",
    "MaxPool2d": "Pooling",
    "Module": "Sequential, or a class of yours with forward and backward",
    "NLLLoss": "SoftmaxWithLoss, which applies the softmax itself",
    "ReLU": "Relu",
    "ReduceLROnPlateau": "callbacks.ReduceOnPlateau",
    "SiLU": "Silu",
    "SmoothL1Loss": "HuberLoss",
    "StepLR": "schedules.StepDecay, given as an optimizer's lr",
    "binary_cross_entropy_with_logits": "sigmoid_cross_entropy",
    "clip_grad_norm_": "clip_grads, or an optimizer's clip_norm",
    "cross_entropy": "softmax_cross_entropy",
    "mse_loss": "mean_squared_error",
    "no_grad": "Sequential.predict, which keeps nothing for backward",
}
KERAS = {
    "AveragePooling2D": "AveragePooling",
    "Bidirectional": "TimeBiLSTM",
    "BinaryCrossentropy": "SigmoidWithLoss",
    "CategoricalCrossentropy": "SoftmaxWithLoss",
    "Conv1D": "Convolution, on images of height 1",
    "Conv2D": "Convolution, with parameters of initializers.convolution",
    "Dense": "Affine, with parameters of initializers.affine",
    "EarlyStopping": "callbacks.EarlyStopping",
    "GlobalAveragePooling2D": "GlobalAveragePooling",
    "Huber": "HuberLoss",
    "MaxPooling2D": "Pooling",
    "Model": "Sequential",
    "ModelCheckpoint": "callbacks.Checkpoint",
    "RMSProp": "RMSprop",
    "SimpleRNN": "TimeRNN",
    "SparseCategoricalCrossentropy": "SoftmaxWithLoss",
    "TimeDistributed": "TimeAffine",
    "load_model": "Sequential.load",
}
SCIKIT_LEARN = {
    "MLPClassifier": "sklearn.MLPClassifier",
    "MLPRegressor": "sklearn.MLPRegressor",
}
INSTEAD = {**PYTORCH, **KERAS, **SCIKIT_LEARN}
