"""The Huber loss of numbers against targets and its gradient: half the squared error up to delta, then its tangent."""


def huber_loss(y, t, out=None, delta=1.0, sample_weight=None, reduction="mean"):
    """(loss, dx) of plain numbers and targets, and a plain delta; `out` None or an array for dx."""
    if not PyFloat_CheckExact(delta) or not 0 < PyFloat_AS_DOUBLE(delta) < INFINITY:
        return NotImplemented
    return paired_loss(
        squared_errors_task, targets_are_in_range, 2, y, t, None, array_for(out, y), sample_weight, reduction,
        PyFloat_AS_DOUBLE(delta),
    )
