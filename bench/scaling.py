"""Training on several ranks: what the exchange costs, and what it leaves of the speed-up: ``python bench/scaling.py``.

It runs a job of two ranks with ``mpiexec``, one thread each and bound to a core, and writes ``docs/scaling.md`` with
its plot. What more ranks on other networks are to be expected to do is computed from what was measured here. It needs
``pip install '.[bench,mpi]'``.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "FASTLAYERS_NUM_THREADS")
TIMEOUT = 1800.0
# Widths and batch; the first is the one whose scaling is computed.
NETWORKS = (
    ((784, 512, 512, 10), 1024),
    ((784, 1024, 1024, 10), 1024),
    ((784, 256, 128, 10), 1024),
    ((784, 50, 10), 1024),
    ((784, 512, 512, 10), 128),
    ((64, 32, 10), 256),
)
SIZES = tuple(2**i for i in range(10, 25))  # bytes of an exchange, from 1 KB to 16 MB
BATCHES = tuple(2**i for i in range(11))  # of the first network on one rank: its batch, and its share on 2 to 1024


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--idx", type=Path, metavar="FOLDER", help="images in the MNIST format, else random numbers")
    parser.add_argument("--mpiexec", default="mpiexec", help="the launcher, of the MPI that mpi4py finds (%(default)s)")
    parser.add_argument("--no-write", action="store_true", help="print only")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each figure, or four times that (%(default)g)")
    parser.add_argument("--docs", type=Path, default=DOCS, metavar="FOLDER", help="where the page goes (docs)")
    return parser.parse_args()


def measured(mpiexec: str, job: dict[str, Any]) -> dict[str, Any]:
    """What a job of two ranks measures."""
    command = [mpiexec, "-n", "2", "--bind-to", "core", sys.executable, "-m", "mpi4py", str(HERE / "scaling_job.py")]
    env = {**os.environ, **dict.fromkeys(THREADS, "1")}
    done = subprocess.run([*command, json.dumps(job)], env=env, stdout=subprocess.PIPE, check=True, timeout=TIMEOUT)
    answer: dict[str, Any] = json.loads(done.stdout)
    for name in ("exchanges", "compute"):
        answer[name] = {int(key): value for key, value in answer[name].items()}
    return answer


def main() -> None:
    given = options()
    import scaling_page

    job = {
        "networks": NETWORKS,
        "sizes": SIZES,
        "batches": BATCHES,
        "idx": given.idx and str(given.idx),
        "seconds": given.seconds,
    }
    found = measured(given.mpiexec, job)
    print("\n".join(scaling_page.terminal(NETWORKS, found)))
    if not given.no_write:
        scaling_page.write(NETWORKS, found, given.docs, given.idx)
        print(f"wrote {given.docs / 'scaling.md'}", file=sys.stderr)


if __name__ == "__main__":
    main()
