"""A network as one call: the walk over its layers, its loss and its optimizer's rule, with no Python in between.

A `Program` is made once from a list of layers. At each call it sees that all is as it was: the kernels in use, the
list, each layer's class and attributes. Then it runs the kernels in the order of the walk and sets what the layers'
own methods would set, so that what a user may read is the same; and bits are, since the kernels are. Where a kernel
declines what it is given, the layer's own method takes that step.

Parameters are read once a call, and this call holds each while it uses it. What a kernel needs of an array it sees
for itself, so that one which was reshaped or made read-only since is what it would be without a program.
"""


cdef inline Py_ssize_t first_param(const Held *held) noexcept:
    """The place of the first parameter that is there."""
    cdef Py_ssize_t i
    for i in range(held.params):
        if held.param[i] != <PyObject *> None:
            return i
    return held.params


cdef list params_of(const Held *held):
    """The parameters that are there."""
    cdef Py_ssize_t i
    return [<object> held.param[i] for i in range(held.params) if held.param[i] != <PyObject *> None]


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
    loss : object or None
        The loss layer.
    loss_kernel : callable or None
        Its kernel; None where its methods are to be called.
    loss_options : sequence of str
        The attributes that the kernel is given after scores, targets and memory; "sample_weight" is the call's.
    prepare : callable
        Of layers and x: x as the first layer is to be given it, where it is not of the dtype of all parameters.
    """

    cdef object kernels
    cdef tuple steps
    cdef object loss
    cdef object loss_kernel
    cdef tuple loss_options
    cdef type loss_kind
    cdef unsigned int loss_version
    cdef Py_ssize_t loss_attributes
    cdef object prepare
    cdef Recycler results
    cdef type rule_of  # the class of optimizer that was last asked for its rule
    cdef unsigned int rule_version
    cdef object rule

    def __cinit__(self, kernels, steps, loss, loss_kernel, loss_options, prepare):
        cdef Step step  # anything else in its place is a TypeError
        cdef Py_ssize_t params = 0
        self.kernels, self.steps, self.prepare = kernels, tuple(steps), prepare
        self.results = Recycler()
        for step in self.steps:
            params += len(step.params)
        if len(self.steps) > MOST_STEPS or params > MOST_PARAMS:
            raise ValueError(f"{len(self.steps)} layers with {params} parameters are too many for a program")
        self.loss, self.loss_kernel, self.loss_options = loss, loss_kernel, tuple(loss_options)
        self.loss_kind, self.loss_version = type(loss), version_of(type(loss))
        self.loss_attributes = -1 if loss_kernel is None else PyDict_Size(attributes_of(loss))
        if len(self.loss_options) + 3 > MOST_ARGUMENTS:
            raise ValueError(f"{self.loss_kind.__name__} has {len(self.loss_options)} options, too many for a program")

    def predict(self, kernels, layers, x):
        """What the layers make of x, with nothing kept."""
        cdef Held held
        cdef Py_ssize_t i, at = 0
        cdef Step step
        cdef object y
        try:
            if not self.hold(&held, kernels, layers):
                return NotImplemented
            x = self.prepared(&held, layers, x)
            y = predict_small(self.steps, &held, x, self.results)
            if y is not None:
                return y
            for i in range(held.steps):
                step = <Step> self.steps[i]
                x = step.go_predict(<object> held.attributes[i], x, &held.param[at])
                at += len(step.params)
            return x
        finally:
            let_go(&held)

    def forward(self, kernels, layers, x):
        """What the layers make of x in training."""
        cdef Held held
        try:
            return self.go_forward(&held, layers, x) if self.hold(&held, kernels, layers) else NotImplemented
        finally:
            let_go(&held)

    def backward(self, kernels, layers, dout, need_dx):
        """The gradient with respect to x, or None where it is not needed; those of the parameters are set."""
        cdef Held held
        try:
            if not self.hold(&held, kernels, layers):
                return NotImplemented
            return self.go_backward(&held, dout, -1 if need_dx else first_param(&held))
        finally:
            let_go(&held)

    def gradient(self, kernels, layers, loss, x, t, sample_weight):
        """The loss, and the gradient with respect to each parameter."""
        cdef Held held
        try:
            if not self.hold(&held, kernels, layers) or not self.has_loss(loss):
                return NotImplemented
            value = self.backpropagate(&held, layers, x, t, sample_weight)
            return value, self.grads(&held)
        finally:
            let_go(&held)

    def train_step(self, kernels, layers, loss, x, t, optimizer, sample_weight):
        """The loss before the optimizer's update, which is done."""
        cdef Held held
        try:
            if not self.hold(&held, kernels, layers) or not self.has_loss(loss):
                return NotImplemented
            value = self.backpropagate(&held, layers, x, t, sample_weight)
            self.run_update(optimizer, params_of(&held), self.grads(&held))
            return value
        finally:
            let_go(&held)

    def update(self, kernels, layers, optimizer, grads):
        """The optimizer's update of all parameters; None when done."""
        cdef Held held
        try:
            if self.hold(&held, kernels, layers):
                return self.run_update(optimizer, params_of(&held), grads)
            return NotImplemented
        finally:
            let_go(&held)

    cdef bint hold(self, Held *held, object kernels, object layers) except -1:
        """Hold what the call is about, if all is as it was when this was made."""
        cdef Py_ssize_t i, n = len(self.steps)
        held.steps = held.params = 0
        if kernels is not self.kernels or type(layers) is not list or len(<list> layers) != n:
            return False
        for i in range(n):
            if not (<Step> self.steps[i]).hold((<list> layers)[i], held):
                return False
        return True

    cdef bint has_loss(self, object loss) except -1:
        if loss is None or loss is not self.loss or type(loss) is not self.loss_kind:
            return False
        if self.loss_kernel is None:
            return True
        if version_of(self.loss_kind) != self.loss_version:
            return False
        return PyDict_Size(attributes_of(loss)) == self.loss_attributes

    cdef object prepared(self, const Held *held, list layers, object x):
        """x in the dtype of the parameters."""
        cdef int typenum = floating_type(x)
        cdef Py_ssize_t i
        for i in range(held.params):
            if held.param[i] != <PyObject *> None and (
                typenum < 0 or floating_type(<object> held.param[i]) != typenum
            ):
                return self.prepare(layers, x)
        return x

    cdef object go_forward(self, Held *held, list layers, object x):
        cdef Py_ssize_t i, at = 0
        cdef Step step
        x = self.prepared(held, layers, x)
        for i in range(held.steps):
            step = <Step> self.steps[i]
            x = step.go_forward(<object> held.attributes[i], x, &held.param[at])
            at += len(step.params)
        return x

    cdef object go_backward(self, Held *held, object dout, Py_ssize_t first):
        """Backward to the layer with the parameter at that place, whose dx is of no use; with -1, to x."""
        cdef Py_ssize_t i, at = held.params
        cdef Step step
        for i in range(held.steps - 1, -1, -1):
            if at <= first:
                break
            step = <Step> self.steps[i]
            at -= len(step.params)
            dout = step.go_backward(<object> held.attributes[i], dout, &held.param[at], at > first)
        return dout if first < 0 else None

    cdef list grads(self, const Held *held):
        """The gradient of each parameter that is there."""
        cdef list found = []
        cdef Py_ssize_t i, at = 0
        cdef Step step
        cdef object grad, own
        for i in range(held.steps):
            step = <Step> self.steps[i]
            own = <object> held.attributes[i]
            for name in step.grads:
                if held.param[at] != <PyObject *> None:
                    grad = get(own, name)
                    # What was handed out the next backward writes into.
                    found.append(grad.copy() if get(own, "_handed_out") else grad)
                at += 1
        return found

    cdef object backpropagate(self, Held *held, list layers, object x, object t, object sample_weight):
        """The loss; its gradients are left in the layers."""
        cdef object value, dx
        value, dx = self.loss_of(self.go_forward(held, layers, x), t, sample_weight)
        # No layer writes to dx: the loss has it still, to hand out.
        self.go_backward(held, self.loss.backward() if dx is None else dx, first_param(held))
        return value

    cdef object run_update(self, object optimizer, list params, list grads):
        """``optimizer.update(params, grads)``, by its class's rule where it has one and this object no other method."""
        cdef object own, rule
        if type(optimizer) is not self.rule_of or version_of(self.rule_of) != self.rule_version:
            rule = getattr(type(optimizer), "_rule", None)
            self.rule = None if rule is None else rule(UpdateStep, self.kernels)
            self.rule_of, self.rule_version = type(optimizer), version_of(type(optimizer))
        rule = self.rule
        if rule is not None:
            own = attributes_of(optimizer)
            if "update" not in own and update_by(<UpdateStep?> rule, own, optimizer, params, grads):
                return None
        optimizer.update(params, grads)
        return None

    cdef tuple loss_of(self, object y, object t, object sample_weight):
        """The loss, and its gradient where the kernel has given it."""
        cdef Arguments arguments
        cdef object own, memory, result, value, dx
        cdef list beside
        if self.loss_kernel is not None:
            own = attributes_of(self.loss)
            memory = get(own, "_memory")
            beside = []
            arguments.count = 0
            give(&arguments, y)
            give(&arguments, t)
            give(&arguments, memory)
            for name in self.loss_options:
                value = sample_weight if name == "sample_weight" else get(own, name)
                beside.append(value)
                give(&arguments, value)
            result = call(self.loss_kernel, &arguments)
            if result is not NotImplemented:
                value, dx = part(result, 0), part(result, len(<tuple> result) - 1)
                put(own, "loss", value)
                put(own, "y", part(result, 1) if len(<tuple> result) > 2 else y)
                put(own, "_dx", [dx])
                put(own, "_beside", tuple(beside))
                put(own, "t", t)
                return value, dx
        if sample_weight is None:
            return self.loss.forward(y, t), None
        return self.loss.forward(y, t, sample_weight=sample_weight), None
