"""Many threads at the first import and the first call, and Ctrl-C in a call: each in a fresh interpreter."""

import subprocess
import sys
import textwrap

import kit
import pytest

pytestmark = pytest.mark.thread_unsafe(reason="starts processes, one of which it interrupts after a while")


def python(code):
    done = subprocess.run(
        [sys.executable, "-P", "-X", "faulthandler", "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_threads_import_it_and_make_their_first_call_at_once():
    output = python("""
        import sys, threading
        import numpy as np

        sys.setswitchinterval(1e-6)
        barrier, sums = threading.Barrier(8), []

        def first():
            barrier.wait()
            import fastlayers as fl
            fl.set_num_threads(3)
            barrier.wait()  # the first large call starts the kernels' threads
            sums.append(float(fl.sigmoid_forward(np.zeros(300_000)).sum() + fl.reference.Relu().forward([1.0])[0]))

        threads = [threading.Thread(target=first) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(sums)
    """)
    assert output == f"{[150_001.0] * 8}\n"


@pytest.mark.skipif(kit.FREE_THREADED, reason="there is no GIL to release")
def test_ctrl_c_in_a_large_call_is_heard_after_it():
    """It is pressed while a kernel works on three threads; the pool is as good as new afterwards."""
    output = python("""
        import os, signal, sys, threading
        import numpy as np
        import fastlayers as fl

        signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be inherited as ignored
        fl.set_num_threads(3)
        x = np.linspace(-9, 9, 10_000_000, dtype=np.float32)
        y, expected = np.empty_like(x), fl.sigmoid_forward(x)
        begun, calls, pressed = threading.Event(), [], []

        def press():
            begun.wait()
            pressed.append(len(calls))
            os.kill(os.getpid(), signal.SIGINT)

        other = threading.Thread(target=press)
        other.start()
        sys.setswitchinterval(100)  # the other thread's turn comes when a call releases the GIL
        begun.set()
        try:
            for _ in range(1000):
                fl.sigmoid_forward(x, out=y)
                calls.append(None)
        except KeyboardInterrupt:
            print("after", len(calls) - pressed[0])
        other.join()
        y[:] = 0
        fl.sigmoid_forward(x, out=y)
        print(np.array_equal(y, expected))
    """)
    assert output in ("after 0\nTrue\n", "after 1\nTrue\n")  # before the call's return is noted, or just after
