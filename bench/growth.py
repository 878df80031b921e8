"""Goal 9: how the time of an element changes with their number, from ten to a hundred million.

The goal asks for the same time an element at every size. Where a copy itself takes several times longer an
element once it leaves the caches, no kernel that reads and writes memory can do that; so beside the plain
growth stands that of the time over what the memory allows: the kernel's own least, or a copy's time at that
size where it is more; nothing is asked of that one. The same times make the plot, and so do those of products.
"""

import math

import peers
from goals import OURS, Calls, Line, Outcome, Probe, case, copy_of, digits, timed, unchecked
from goals_products import affine_backward, affine_forward

KERNELS = ("relu_forward", "relu_backward", "sigmoid_forward", "sigmoid_backward", "softmax", "loss, labels")
# softmax is for the plot alone, and relu_backward too
HELD = {"relu_forward", "sigmoid_forward", "sigmoid_backward", "loss, labels"}
TITLES = {name: case(name).function for name in KERNELS}
ROW = 1000  # classes of a row of the softmax kernels
SIZES = (10, 100, 1000, 10**4, 10**5, 10**6, 10**7, 10**8)
LEAST = 10**4  # from here on the goal holds: below it a call's overhead counts
LARGEST_CHECKED = 10**7  # also the largest for the reference and for PyTorch
LIMIT = 1.6
PYTORCH = {"sigmoid_forward": lambda x: peers.pytorch_sigmoid(x), "loss, labels": lambda x, t: peers.pytorch_loss(x, t)}
REFERENCE, COPY, NEW = "reference", "np.copyto", "fastlayers, new array"

Scan = dict[str, dict[str, dict[int, float]]]  # kernel -> contender -> elements -> seconds a call


def shape(name: str, n: int) -> tuple[int, ...]:
    if name not in ("softmax", "loss, labels"):
        return (n,)
    return (n // ROW, ROW) if n >= ROW else (1, n)


def scan(sizes: tuple[int, ...], seconds: float) -> Scan:
    found: Scan = {name: {} for name in KERNELS}
    for name in KERNELS:
        for n in sizes:
            calls = contenders(name, n)
            for contender, time in timed(calls, seconds).items():
                found[name].setdefault(contender, {})[n] = time
    return found


def contenders(name: str, n: int) -> Calls:
    if n > LARGEST_CHECKED:
        call = unchecked(name, shape(name, n))
        return {OURS: call, NEW: call._replace(kwargs={}), COPY: copy_of(call.args[0])}
    prepared = case(name).prepare(shape(name, n), "float32")
    call = prepared["cython out="]
    calls: Calls = {OURS: call, NEW: prepared["cython"], COPY: copy_of(call.args[0]), REFERENCE: prepared["reference"]}
    if name in PYTORCH and peers.available("torch"):
        calls["PyTorch"] = PYTORCH[name](*call.args)
    return calls


def measure(pace: float) -> Outcome:
    sizes = SIZES if pace >= 1 else SIZES[:-1]  # the last takes gigabytes
    found = scan(sizes, 0.6 * pace)
    held = [n for n in sizes if n >= LEAST]
    copies = {n: min(found[name][COPY][n] for name in KERNELS) / n for n in held}
    between = f"1e{round(math.log10(held[0]))} to 1e{round(math.log10(held[-1]))} elements"
    lines = [growth_line(f"np.copyto, {between}", copies, limited=False)]
    for name in KERNELS:
        if name in HELD:
            each = {n: found[name][OURS][n] / n for n in held}
            least = min(each.values())
            over = {n: each[n] / max(least, copies[n]) for n in held}
            lines += growth_line(f"{TITLES[name]}, {between}", each), floor_line(f"{TITLES[name]}, {between}", over)
    return Outcome(lines, {"growth": found})


def growth_line(what: str, each: dict[int, float], limited: bool = True) -> Line:
    least, most = min(each.values()), max(each.values())
    figure = f"{digits(least * 1e9)} to {digits(most * 1e9)} ns an element"
    ratio = most / least
    if not limited:
        return Line(9, what, figure, "its own least", "", digits(ratio))
    return Line(9, what, figure, "its own least", "", digits(ratio, LIMIT), f"≤ {LIMIT:g}", ratio <= LIMIT)


def floor_line(what: str, over: dict[int, float]) -> Line:
    """Of times over the floor: its own least, or the copy's time where that is more."""
    least, most = min(over.values()), max(over.values())
    return Line(9, what, f"{least:.2f} to {most:.2f} floors", "the memory's floor", "", digits(most / least))


GROWTH = Probe(9, "growth", measure)


# Products, for their plot alone: their yardstick is the products without the rest

WIDTHS = (4, 8, 16, 32, 64, 128, 256, 512, 1024)
BATCH = 64
PRODUCTS = {"affine_forward": 1, "affine_backward": 2}  # with how many products


def products(pace: float) -> Outcome:
    """Square layers of all widths; a size is its number of multiply-adds."""
    makers = {"affine_forward": affine_forward, "affine_backward": affine_backward}
    found: Scan = {name: {} for name in PRODUCTS}
    for name, count in PRODUCTS.items():
        for width in WIDTHS:
            calls = makers[name]((BATCH, width, width), out=True)
            for contender, time in timed(calls, 0.4 * pace).items():
                found[name].setdefault(contender, {})[count * BATCH * width**2] = time
    return Outcome([], {"products": found})


PRODUCT_SCAN = Probe(4, "products", products)
