"""The fuzzer itself: it calls every public name, finds nothing in a short run, and would find what it looks for."""

import os
import sys

import fuzz
import fuzz_cases
import fuzz_plants
import kit
import pytest

SECONDS = float(os.environ.get("FASTLAYERS_FUZZ_SECONDS", kit.amount(short=5, rest=6, every=12)))

pytestmark = [
    pytest.mark.thread_unsafe(reason="a run has the machine to itself"),
    pytest.mark.skipif(sys.platform == "win32", reason="its signals are those of POSIX"),
]


def test_a_run_calls_every_public_name_and_finds_nothing():
    called, seed = set(), 0
    for _ in range(10):  # on a slow machine a run may not come to all of them
        report = fuzz.fuzz(SECONDS, seed=seed, most_findings=1)
        assert not report.findings, report.findings[0]
        called, seed = called | set(report.counts), seed + report.calls
        if kit.SHORT or called == set(fuzz_cases.public_names()):
            return
    pytest.fail(f"never called: {sorted(set(fuzz_cases.public_names()) - called)}")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("overwrite", ("wrote to what it was not given", "fault")),  # among canaries, or in a page that is forbidden
        ("overread", ("Fatal Python error",)),
        ("input", ("wrote to what it was not given",)),
        ("crash", ("Fatal Python error",)),
        ("hang", ("fuzz_plants.py",)),  # where it hangs
        ("system error", ("SystemError",)),
        ("unknown error", ("KeyError",)),
    ],
)
def test_a_planted_fault_is_found_and_its_seed_brings_it_back(name, words):
    report = fuzz.fuzz(60, seed=0, plant=name, most_findings=1, hangs_after=3)
    [(kind, seed, said)] = report.findings
    assert (kind == "hang") == (name == "hang")
    assert any(word in said for word in words)
    if name != "hang":
        [again] = fuzz.fuzz(60, seed=seed, plant=name, most_findings=1).findings
        assert again[:2] == (kind, seed)


def test_every_plant_is_tried():
    tried = test_a_planted_fault_is_found_and_its_seed_brings_it_back.pytestmark[0].args[1]
    assert {name for name, *_ in tried} == set(fuzz_plants.PLANTS)
