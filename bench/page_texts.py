"""What ``docs/benchmarks.md`` says of each goal, and of each picture."""

TITLES = {
    1: "The overhead of a call",
    2: "What memory bounds",
    3: "Softmax with loss",
    4: "Products",
    5: "Layers in a loop",
    6: "A training step",
    7: "Two threads, two ranks",
    8: "Every instruction set",
    9: "Growth with size, and memory",
    10: "A prediction",
    11: "Mixed dtypes",
    12: "Training from end to end",
    13: "Where a step's time goes",
    14: "Networks of images",
    15: "Layers of images",
    16: "Words",
    17: "Sequences",
    18: "Control",
}
NOTES = {
    1: "Results' arrays are given (`out=`), apart from the layer's.",
    2: "Results' arrays are given; the yardstick copies one array of that size into memory that is there already.",
    3: "Loss and gradient in one call, with the gradient's array given; PyTorch's `cross_entropy` and its backward. "
    "The layer keeps its probabilities too. Labels that are smoothed alone have no weights beside.",
    4: "`np.dot` is the product alone; NumPy adds the bias, or takes three calls backward. In a sweep no `out=` is. "
    "The loop in registers does as many multiplications and additions as the product (`bench/peak.c`): the ratio is "
    "the share of the core's peak.",
    5: "Layers find memory for their results by themselves. A gradient by hand has dx of the first layer too; its "
    "targets are one-hot and of float64, as the book's `load_mnist` gives them. PyTorch is given memory for its ReLU.",
    6: "Forward, loss, backward and SGD; losses are compared before anything is timed.",
    7: "Of ours and of BLAS, on two cores; for training steps (w from 32 to 128) two processes take turns. A goal of "
    "0.97 is never slower: two equal calls are measured that far apart. Two ranks exchange their gradients in one "
    "`Allreduce`; the figure is their time over two.",
    8: "Every case of `fastlayers bench`, of arrays up to 8 MB; the ratio is the reference's time over the compiled "
    "path's. NumPy's tanh is held to an instruction set by `NPY_DISABLE_CPU_FEATURES`, as far as it can be.",
    9: "The goal asks for one time an element at all sizes. A copy does not keep it: its own growth stands first. "
    "A line without a goal tells the growth of the time over the memory's floor: a kernel's own least, or a copy's "
    "time at that size where it is more.",
    10: "`Sequential.predict` and what others offer for it, each with its own kind of array as input.",
    11: "A float32 network that is given another dtype, against the same call in float32; layers and losses by hand "
    "that promote or cast, against the same call in one dtype and a pass of NumPy's over what is cast.",
    12: "Each contender shuffles. The loop in PyTorch takes `x[batch]` from tensors that are there already. Estimators "
    "begin anew each time, and see the same batches.",
    13: "The kernels of the training step 64-32-10 @16, each timed by itself with the step's own arrays, as a share of "
    "the whole step. What lies between them is the difference: the checks of layers and parameters, what layers keep. "
    "A kernel by itself is called from Python, which the step's are not, so that the difference is a little more than "
    "is shown. The calls alone are those of the same kernels on one number.",
    14: "Images of one channel, 28 by 28. SimpleConvNet: 30 filters of 5x5, max pooling, affine layers of 100 and 10. "
    "LeNet: 6 filters of 5x5, pooling, 16 of 5x5, pooling, 120, 84, 10. DeepConvNet: of chapter 8. ReLU lies between, "
    "pooling is of 2x2. Dropout drops nothing, so that losses can be compared. As in 6, an update of SGD is part of a "
    "step. The limit has a network's FLOPs as `Sequential.summary` counts them, and those of backward.",
    15: "Layers find memory for their results by themselves, and give dx too. PyTorch's gradients are those of "
    "`torch.autograd.grad`; JAX has forward and backward in one compiled function. The book's patches are of float64 "
    "whatever it is given; it normalises by element alone. `np.dot` is the product of two matrices of 1024x1024, as "
    "the time of so many operations as the layer has. A copy is of x.",
    16: "Ten thousand words, vectors of 100 numbers, batches of 100 words, five contexts on each side and five words "
    "drawn for each. The book's layers and ours by hand have gradients of whole tables; `Word2Vec.train_step`, sparse "
    "embeddings of PyTorch and JAX's updates of rows touch no other row. PyTorch and JAX are given words that were "
    "drawn before.",
    17: "Recurrent layers of all steps in one call, dx among the gradients; the book's code is that of its volume 2. "
    "PyTorch's GRU resets after the product, the book's before: there it is a loop with the product for x outside. "
    "JAX scans, with that product outside too. One step of an LSTM is `LSTM.forward`, or `Sequential.predict` with the "
    "state kept, for which the book and PyTorch have their layers of all steps; their cells stand beside. `np.dot` is "
    "the product of x and h side by side. A training step of the language model has an embedding, an LSTM, scores of "
    "all words and their loss, clips the gradients and descends; JAX writes into the parameters' memory.",
    18: "Learners of the examples of reinforcement learning, and the same in PyTorch, in eager mode as most of it is "
    "written, from the same weights; both are given NumPy's arrays. Losses are written in NumPy here, in PyTorch by "
    "autograd. Actions are drawn by noise, of NumPy, for 512 at once, in PyTorch by a `Categorical`; they are Python's "
    "integers.",
}
PICTURES = {
    "time-per-element": (
        "Time against size",
        "Time an element of six kernels against the number of elements, beside the NumPy reference, PyTorch and a copy",
        "The dashed line is `np.copyto`, which reads and writes each element once. On small arrays a call's overhead "
        "is most of any time, the copy's too, so that a kernel can lie below it. Where it rises, arrays have left "
        "the caches; `relu_forward` (a mask beside its result) and `sigmoid_backward` (two inputs) move more than it "
        "does. As long as arrays are in a cache, exponentials cost more than a copy. The dotted line shows what fresh "
        "memory costs where no `out=` is given. The reference and PyTorch's loss make new arrays too, its sigmoid does "
        "not. Softmax is in rows of 1000, or one row of fewer. The reference and PyTorch end at 1e7 elements.",
    ),
    "time-per-multiply-add": (
        "Products against size",
        "Time a multiply-add of affine forward and backward against the size, beside NumPy and its products alone",
        "On large matrices all of them wait for the same BLAS, and the lines meet.",
    ),
    "training-steps": (
        "Training steps",
        "Time of a training step of four networks, by contender",
        "Sorted by time within each network.",
    ),
    "speed-up": (
        "The speed-up over each peer",
        "Bars of the peer's time over ours, for training steps and predictions",
        "A bar to the left of the line at 1 is a peer that is faster.",
    ),
}
