"""A network as one call: the walk over its layers, its loss and its optimizer's rule, with no Python in between.

A `Program` is made once from a list of layers. At each call it sees that all is as it was: the kernels in use, the
list, each layer's class and attributes. Then it runs the kernels in the order of the walk and sets what the layers'
own methods would set, so that what a user may read is the same; and bits are, since the kernels are. Where a kernel
declines what it is given, the layer's own method takes that step.

Parameters are read once a call, and this call holds each while it uses it. What a kernel needs of an array it sees
for itself, so that one which was reshaped or made read-only since is what it would be without a program.
"""

cdef enum:
    FEW_IMAGES = 8  # as layers/_shapes.py has them, _LEAST_IMAGES and MOST_SAMPLES
    MANY_SAMPLES = 1024


@cython.final
cdef class Program:
    """Layers and perhaps a loss, as one call.

    Every method is first given the kernels in use, the list of layers, and the loss where it matters; it gives
    NotImplemented, with nothing done, where these are not as they were when the program was made.

    Parameters
    ----------
    kernels : module
        The compiled level in use.
    steps : sequence of Step
    loss : LossStep
    prepare : callable or None
        Called with layers and x if x has not the dtype of all parameters: returns x as the first layer is given it.
        None if x holds indices.
    prepare_gradient : callable
        The same of the gradient of the output, as the last layer is given it.
    places : sequence of (int, int)
        Of each step in which list its layer is, and where: 0 is the list of layers, the others are those of `nests`.
    nests : sequence of (Stack or Parallel, int, int)
        The networks within this one, each with its own place, before those within it.
    branches : mapping of int to sequence of int
        Of each "fork" among the steps the places of the "end" of each branch.
    token : object
        What marks a layer as run last by this network.
    kind : type or None
        The network's class: once it has another method, the program is of no use.
    """

    cdef object kernels
    cdef tuple steps
    cdef int[MOST_STEPS] lists  # in which list each layer is, and
    cdef int[MOST_STEPS] places  # where
    cdef tuple nests
    cdef Py_ssize_t count  # of the layers of the whole's own list
    cdef tuple branches  # of each step, and of one behind the last: of a fork, and of the last end, where these end
    cdef int[MOST_STEPS + 1] at  # how many parameters there are before each
    cdef bint looks_up  # whether a gradient is zero outside of some rows
    cdef object token
    cdef type kind
    cdef unsigned int version
    cdef bint has_run  # a forward
    cdef bint any_marked  # whether the forward of some network has marked some of the layers, and
    cdef bint all_marked  # all of them
    cdef const SmallNetwork *small  # NULL where there is none
    cdef Py_ssize_t tail  # where it begins, as far as the last layer
    cdef int[MOST_SMALL] small_places
    cdef int[MOST_STEPS] begins  # how many layers may be one pass that begins with each, and
    cdef int[MOST_STEPS] ends  # that ends with it
    cdef object kernel_of_pass  # what does such, and
    cdef object backward_of_pass
    cdef LossStep loss
    cdef object prepare
    cdef object prepare_gradient
    cdef Recycler results
    cdef readonly dict pieces  # how many samples of a shape pass at a time, once that was found
    cdef type rule_of  # the class of optimizer that was last asked for its rule
    cdef unsigned int rule_version
    cdef object rule

    def __cinit__(
        self, kernels, steps, LossStep loss not None, prepare, prepare_gradient,
        places=None, nests=(), branches=None, token=None, kind=None,
    ):
        cdef Step step  # anything else in its place is a TypeError
        cdef Nest inner
        cdef Py_ssize_t params = 0, i
        self.kernels, self.steps, self.loss, self.prepare = kernels, tuple(steps), loss, prepare
        self.prepare_gradient = prepare_gradient
        self.results, self.pieces, self.token = Recycler(), {}, token
        self.kind, self.version = kind, 0 if kind is None else version_of(kind)
        self.all_marked = True
        for step in self.steps:
            if step.kept < FORK:
                self.any_marked |= step.marked
                self.all_marked &= step.marked
            params += len(step.params)
            self.looks_up |= step.indices is not None
        if len(self.steps) > MOST_STEPS or params > MOST_PARAMS:
            raise ValueError(f"{len(self.steps)} layers with {params} parameters are too many for a program")
        self.nests = tuple([Nest(*nest) for nest in nests])
        for i in range(len(self.nests)):
            inner = <Nest> self.nests[i]
            if not 0 <= inner.list <= i or inner.place < 0:
                raise ValueError("a network is in none of the lists before it")
        self.branches = branches_of(self.steps, branches or {})
        self.at[0] = 0
        for i in range(len(self.steps)):
            step = <Step> self.steps[i]
            self.lists[i], self.places[i] = (0, i) if places is None else places[i]
            self.at[i + 1] = self.at[i] + len(step.params)
            if not 0 <= self.lists[i] <= len(self.nests) or self.places[i] < 0:
                raise ValueError("a layer is in none of the lists")
            if self.lists[i] == 0:
                self.count = max(self.count, self.places[i] + 1)
        for inner in self.nests:
            if inner.list == 0:
                self.count = max(self.count, inner.place + 1)
        of_layers = [id(step.layer) for step in self.steps if step.kept < FORK]
        if len({*of_layers}) < len(of_layers):
            raise ValueError("a layer stands at two places of a program")
        self.kernel_of_pass = kernels.convolution_relu
        self.backward_of_pass = kernels.convolution_relu_gradients
        for i in range(len(self.steps)):
            self.begins[i] = layers_of_pass(self.steps, i, kernels.relu_forward)
            if self.begins[i]:
                self.ends[i + self.begins[i] - 1] = self.begins[i]
        self.tail = small_tail(self.steps, kernels, self.small_places)
        self.small = small_network_of(kernels) if self.tail < len(self.steps) else NULL

    def predict(self, kernels, layers, x, whole=False):
        """What the layers make of x, with nothing kept; None, unless `whole`, for so much that pieces are better."""
        cdef Held held
        cdef object y
        try:
            if not self.hold(&held, kernels, layers):
                return NotImplemented
            if self.tail == 0:
                y = self.predict_tail(&held, x)
                if y is not None:
                    return y
            if not whole and is_much(x, self.pieces, self.prepare is None):
                return None
            return self.predict_from(&held, 0, held.steps, self.prepared(&held, layers, x))
        finally:
            let_go(&held)

    cdef object predict_from(self, Held *held, Py_ssize_t i, Py_ssize_t end, object x):
        """What the steps from i up to the end make of x."""
        cdef Step step
        cdef object y, W
        while i < end:
            step = <Step> self.steps[i]
            y = NotImplemented
            if step.kept == FORK:
                x = results_of_branches(self, held, i, x, False)
                i = last_end(self, i) + 1
                continue
            if step.kept == AFFINE and PyArray_CheckExact(x) and PyArray_NDIM(<ndarray> x) > 2:
                W = <object> held.param[self.at[i]]
                # What does not fit the layer refuses, by the shape that it has.
                if is_matrix(W) and size_of(x) == PyArray_DIM(<ndarray> x, 0) * PyArray_DIM(<ndarray> W, 0):
                    x = flat(x)
            if i == self.tail and i > 0:
                y = self.predict_tail(held, x)
                if y is not None:
                    return y
                y = NotImplemented
            if self.begins[i]:
                y = predict_pass(self.kernel_of_pass, self.steps, i, self.begins[i], held, self.at[i], x)
            if y is not NotImplemented:
                i += self.begins[i]
            else:
                y = step.go_predict(
                    <object> held.attributes[i], x, &held.param[self.at[i]], i == held.steps - 1
                )
                i += 1
            x = y
        return x

    def forward(self, kernels, layers, x):
        """What the layers make of x in training."""
        cdef Held held
        try:
            if not self.hold(&held, kernels, layers) or not self.all_marked:
                return NotImplemented
            return self.go_forward(&held, layers, x)
        finally:
            let_go(&held)

    def backward(self, kernels, layers, dout, need_dx):
        """The gradient with respect to x, or None where it is not needed; those of the parameters are set."""
        cdef Held held
        try:
            if not self.hold(&held, kernels, layers) or not self.has_run or not self.ran_last(&held):
                return NotImplemented
            dout = self.cast(&held, layers, dout, self.prepare_gradient)
            return self.go_backward(&held, dout, -1 if need_dx else first_param(&held))
        finally:
            let_go(&held)

    def gradient(self, kernels, layers, loss, x, t, sample_weight):
        """The loss, and the gradient with respect to each parameter."""
        cdef Held held
        try:
            if not self.hold(&held, kernels, layers) or not self.loss.is_of(loss):
                return NotImplemented
            value = self.backpropagate(&held, layers, x, t, sample_weight)
            return value, list(self.grads(&held, True))
        finally:
            let_go(&held)

    def train_step(self, kernels, layers, loss, x, t, optimizer, sample_weight):
        """The loss before the optimizer's update, which is done."""
        cdef Held held
        try:
            if not self.hold(&held, kernels, layers) or not self.loss.is_of(loss):
                return NotImplemented
            value = self.backpropagate(&held, layers, x, t, sample_weight)
            grads = self.grads(&held, False)
            self.run_update(optimizer, params_of(&held), grads, self.touched(&held, grads))
            return value
        finally:
            let_go(&held)

    def update(self, kernels, layers, optimizer, grads):
        """The optimizer's update of all parameters; None when done."""
        cdef Held held
        try:
            if self.hold(&held, kernels, layers):
                grads = tuple(grads)
                return self.run_update(optimizer, params_of(&held), grads, self.touched(&held, grads))
            return NotImplemented
        finally:
            let_go(&held)

    cdef bint hold(self, Held *held, object kernels, object layers) except -1:
        """Hold what the call is about, if all is as it was when this was made."""
        cdef Py_ssize_t i, n = len(self.steps)
        cdef list lists = None
        held.steps = held.params = 0
        held.dout = NULL
        if kernels is not self.kernels or type(layers) is not list:
            return False
        if self.kind is not None and version_of(self.kind) != self.version:
            return False
        if len(self.nests) > 0:
            lists = lists_of(self, layers)
            if lists is None:
                return False
        elif len(<list> layers) != n:
            return False
        for i in range(n):
            if lists is not None:
                layers = <list> lists[self.lists[i]]
            if self.places[i] >= len(<list> layers):  # what `frozen` is may have run code that has emptied it
                return False
            if not (<Step> self.steps[i]).hold((<list> layers)[self.places[i]], held):
                return False
        return lists is None or are_of_one_type(held)

    cdef object predict_tail(self, const Held *held, object x):
        """What the last layers make of a small x, in one piece; None where it, or what they are, is not small."""
        cdef SmallLayer[MOST_SMALL] layers
        cdef Py_ssize_t i, n = len(self.steps) - self.tail, at = self.at[self.tail]
        if self.small == NULL:
            return None
        for i in range(n):
            layers[i].place = self.small_places[i]
            if layers[i].place == AN_AFFINE:
                if self.tail > 0 and floating_type(x) != floating_type(<object> held.param[at]):
                    return None  # what comes from a layer is promoted, not cast
                layers[i].W = held.param[at]
                layers[i].b = held.param[at + 1]
                at += 2
        return self.small.predict(layers, n, x, self.results)

    cdef object prepared(self, const Held *held, list layers, object x):
        """Return x as the first layer is given it."""
        return x if self.prepare is None else self.cast(held, layers, x, self.prepare)

    cdef object cast(self, const Held *held, list layers, object x, object prepare):
        """Return x, or what `prepare` makes of it if a parameter has another dtype."""
        cdef int typenum = floating_type(x)
        cdef Py_ssize_t i
        for i in range(held.params):
            if held.param[i] != <PyObject *> None and (
                typenum < 0 or floating_type(<object> held.param[i]) != typenum
            ):
                return prepare(layers, x)
        return x

    cdef object go_forward(self, Held *held, list layers, object x):
        self.has_run = True
        try:
            return self.forward_from(held, 0, held.steps, self.prepared(held, layers, x))
        finally:
            if self.any_marked:
                self.mark(held)

    cdef int mark(self, const Held *held) except -1:
        """Mark each layer as run last by this network, where it has a mark."""
        cdef Py_ssize_t i
        for i in range(held.steps):
            if (<Step> self.steps[i]).marked and get(<object> held.attributes[i], "_last_run") is not self.token:
                put(<object> held.attributes[i], "_last_run", self.token)
        return 0

    cdef bint ran_last(self, const Held *held) except -1:
        """Return whether no other network has run a layer since this network's last forward."""
        cdef Py_ssize_t i
        cdef object last
        if self.any_marked:
            for i in range(held.steps):
                if (<Step> self.steps[i]).marked:
                    last = get(<object> held.attributes[i], "_last_run")
                    if last is not None and last is not self.token:
                        return False
        return True

    cdef object forward_from(self, Held *held, Py_ssize_t i, Py_ssize_t end, object x):
        """What the steps from i up to the end make of x in training."""
        cdef Step step
        cdef object y
        while i < end:
            step = <Step> self.steps[i]
            y = NotImplemented
            if step.kept == FORK:
                x = results_of_branches(self, held, i, x, True)
                i = last_end(self, i) + 1
                continue
            if self.begins[i]:
                y = forward_of_pass(self.kernel_of_pass, self.steps, i, self.begins[i], held, self.at[i], x)
            if y is not NotImplemented:
                i += self.begins[i]
            else:
                y = step.go_forward(<object> held.attributes[i], x, &held.param[self.at[i]], &held.kept[i])
                i += 1
            x = y
        return x

    cdef object go_backward(self, Held *held, object dout, Py_ssize_t first):
        """Backward to the layer with the parameter at that place, whose dx is of no use; with -1, to x."""
        dout = self.backward_to(held, 0, held.steps, dout, first)
        return dout if first < 0 else None

    cdef object backward_to(self, Held *held, Py_ssize_t begin, Py_ssize_t i, object dout, Py_ssize_t first):
        """The same through the steps from i down to where they begin."""
        cdef Py_ssize_t below
        cdef Step step
        cdef object dx
        while i > begin and self.at[i] > first:
            dx = NotImplemented
            step = <Step> self.steps[i - 1]
            if step.kept == END:
                below = fork_of(self, i - 1)
                dout = backward_of_branches(self, held, below, dout, first)
                i = below
            else:
                if self.ends[i - 1]:
                    below = i - self.ends[i - 1]
                    dx = backward_of_pass(
                        self.backward_of_pass, self.steps, below, self.ends[i - 1], held, self.at[below], dout,
                        self.at[below] > first,
                    )
                if dx is not NotImplemented:
                    i = below
                else:
                    i -= 1
                    dx = step.go_backward(
                        <object> held.attributes[i], dout, &held.param[self.at[i]], &held.grad[self.at[i]],
                        &held.kept[i], self.at[i] > first,
                    )
                dout = dx
            if dout is None:
                break  # not needed; or what stands before an embedding gives indices, which have no gradient
        return dout

    cdef tuple grads(self, Held *held, bint copies):
        """The gradient of each parameter that is trained, with `copies` not what the next backward writes into."""
        cdef Py_ssize_t i, at = 0
        cdef Step step
        cdef object grad, own
        for i in range(held.steps):
            step = <Step> self.steps[i]
            for name in step.grads:
                if held.is_trained[at] and held.grad[at] == NULL:
                    own = <object> held.attributes[i]
                    grad = get(own, name)
                    hold_on(&held.grad[at], grad.copy() if copies and get(own, "_handed_out") else grad)
                at += 1
        return collected(held, held.grad)

    cdef object backpropagate(self, Held *held, list layers, object x, object t, object sample_weight):
        """The loss; its gradients are left in the layers."""
        cdef object value = self.loss.go(held, self.go_forward(held, layers, x), t, sample_weight)
        cdef object dout = self.loss.loss.backward() if held.dout == NULL else <object> held.dout
        self.go_backward(held, dout, first_param(held))
        return value

    cdef tuple touched(self, const Held *held, tuple grads):
        """The indices of the rows outside which each gradient, as backward has left it, is zero, or None."""
        cdef Py_ssize_t i, j, at = 0, n = 0
        cdef Step step
        cdef object own
        cdef list found
        if not self.looks_up:
            return None
        found = [None] * len(grads)
        for i in range(held.steps):
            step, own = <Step> self.steps[i], <object> held.attributes[i]
            for j in range(len(step.params)):
                if held.is_trained[at] and n < len(grads):
                    # What was handed out someone else may have written to.
                    if step.indices is not None and get(own, step.grads[j]) is grads[n] and not get(own, "_handed_out"):
                        found[n] = get(own, step.indices)
                    n += 1
                at += 1
        return tuple(found)

    cdef object run_update(self, object optimizer, tuple params, tuple grads, tuple touched):
        """``optimizer.update(params, grads)``, by its class's rule where it has one and this object no other method."""
        cdef object own, rule
        if type(optimizer) is not self.rule_of or version_of(self.rule_of) != self.rule_version:
            rule = getattr(type(optimizer), "_rule", None)
            self.rule = None if rule is None else rule(UpdateStep, self.kernels)
            self.rule_of, self.rule_version = type(optimizer), version_of(type(optimizer))
        rule = self.rule
        if rule is not None:
            own = attributes_of(optimizer)
            if "update" not in own and update_by(
                <UpdateStep?> rule, own, params, grads, touched, get(own, "lr")
            ):
                return None
        optimizer.update(list(params), list(grads))
        return None


cdef inline bint is_much(object x, dict pieces, bint of_indices) except -1:
    """Whether x is of so many samples, or of images, that what lies between the layers may not stay in a cache."""
    if not PyArray_CheckExact(x) or PyArray_NDIM(<ndarray> x) < (1 if of_indices else 2):
        return False
    if PyArray_NDIM(<ndarray> x) == 2 and not of_indices:
        return PyArray_DIM(<ndarray> x, 0) > MANY_SAMPLES
    return PyArray_DIM(<ndarray> x, 0) > FEW_IMAGES and PyArray_DIM(<ndarray> x, 0) > pieces.get(x.shape[1:], 0)
