"""The mathematics of every layer, in NumPy, plain enough to teach from.

Nothing is checked here: each function is given what `fastlayers.functional` has made sure of, which is exact
``ndarray`` objects of real numbers, in native byte order, aligned, contiguous, of shapes that fit.
Where the plain formula loses digits or warns, the safe one stands beside its reason; the compiled
kernels compute these same formulas, so the two paths can be held against each other.

The names are those of "Deep Learning from Scratch" (Saitoh, O'Reilly Japan 2016): ``x`` the input,
``t`` the target, ``y`` the output, ``dout`` the gradient of the loss with respect to the output,
``dx``, ``dW`` and ``db`` its gradients with respect to the input, the weights and the bias.
N is the batch size, D the number of inputs, M the number of outputs, C the number of classes.
"""
