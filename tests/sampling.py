"""Which cases of a test the short run takes: each value of each parameter at least once, and few on the reference.

On the best instruction set, which most tests compare with the reference, each value comes at least once; of such a
sample on the reference itself, a sixth. A test of functions x dtypes x layouts has the product of them as cases, the
sample about as many as the longest of the three. Which value goes with which is decided by a hash of the case's name:
it is the same in every run, and another for each test, so that each function meets most dtypes and layouts in one test
or the other.
"""

import itertools
import zlib
from collections import defaultdict

import kit

IMPLEMENTATION = ("implementation", "level")
FEWER = 6  # times as few cases on the reference


def sample(items):
    """The items that are to run."""
    chosen = set()
    for _, cases in itertools.groupby(items, key=lambda item: (item.path, item.function)):
        groups = defaultdict(dict)
        for case in cases:
            found = values(case)
            if not case.get_closest_marker("exhaustive") and is_on_the_best(case):
                implementation = tuple(found.get((name,)) for name in IMPLEMENTATION)
                groups[implementation][case] = frozenset(found.items())
        for group in groups.values():
            found = covering(group)
            chosen.update(found[:: FEWER if is_on_the_reference(found[0]) else 1])
    return chosen


def is_on_the_best(item):
    """Whether a case has no instruction set to run on, or the best."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    return not any(params.get(name) in kit.LEVELS and params[name] not in kit.BEST for name in IMPLEMENTATION)


def is_on_the_reference(item):
    """Whether a case runs on the reference where there is a kernel that it runs on too."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    return bool(kit.BEST) and params.get("implementation") == "reference"


def values(item):
    """What a case has for each parameter, or for the several that one `parametrize` sets together."""
    params = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    found = {}
    for mark in item.iter_markers("parametrize") if len(params) > 1 else ():
        names = mark.args[0].split(",") if isinstance(mark.args[0], str) else mark.args[0]
        names = tuple(name.strip() for name in names)
        found[names] = tuple(id(params.pop(name)) for name in names if name in params)
    return found | {(name,): (id(value),) for name, value in params.items()}


def covering(group):
    """Cases of a group, few of them, in which each value of each parameter comes."""
    missing = frozenset().union(*group.values())
    if not missing:
        return list(group)
    left = sorted(group, key=lambda item: zlib.crc32(item.nodeid.encode()))
    found = []
    while missing:
        best = max(left, key=lambda item: len(missing & group[item]))
        missing -= group[best]
        found.append(best)
    return found
