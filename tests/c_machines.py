"""The C file of three networks on three machines: ``python tests/c_machines.py``; ``nox -s c`` gets what that needs.

A policy, a convolutional network and an LSTM, in float32 and float64, are written as C files and compiled for x86-64,
arm64 and a Cortex-M4 with a unit for float32, as C without optimization and with, and as C++. What they give on the
machine, which QEMU emulates where it is another, is held against what `predict` gives; and each file's own check runs
there. It prints the largest differences, and beside what the file says of its sizes what the compiler says.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import image_network
import numpy as np
from c_files import AS_CPP, STRICT

import fastlayers as fl
from fastlayers import initializers
from fastlayers.formats import c

# Of the largest number that is predicted: as far as both paths may be from each other.
BOUND = {"float32": 2e-6, "float64": 1e-13}


@dataclass(frozen=True)
class Machine:
    """What compiles for a machine, what runs a program on it, and what measures an object file."""

    name: str
    compilers: tuple[str, ...]
    flags: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    size: str = "size"

    def missing(self) -> list[str]:
        return [tool for tool in (*self.compilers, *self.run[:1], self.size) if not shutil.which(tool)]


CORTEX = ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", "--specs=rdimon.specs")
MACHINES = (
    Machine("x86-64", ("gcc", "clang"), ("-march=native",)),
    Machine("arm64", ("aarch64-linux-gnu-gcc",), ("-static",), ("qemu-aarch64",), "aarch64-linux-gnu-size"),
    # What a program prints, and how it ends, the emulator has from it by "semihosting".
    Machine("Cortex-M4", ("arm-none-eabi-gcc",), CORTEX, ("qemu-arm", "-cpu", "cortex-m4"), "arm-none-eabi-size"),
)
LANGUAGES = {"C -O0": (*STRICT, "-O0"), "C -O3": (*STRICT, "-O3"), "C++ -O3": (*AS_CPP, "-O3")}


# The networks


@dataclass(frozen=True)
class Exported:
    """A network's C file, what it is given, and what `predict` makes of that."""

    name: str
    dtype: str
    path: Path
    sizes: c.Sizes
    x: Any
    y: Any


def policy(rng: np.random.Generator, dtype: str) -> fl.Sequential:
    sizes = (8, 64, 64, 4)
    layers: list[Any] = []
    for inputs, outputs in pairwise(sizes):
        layers += [fl.Affine(*initializers.affine(inputs, outputs, rng=rng, dtype=dtype)), fl.Relu()]
    return fl.Sequential(layers[:-1], fl.SoftmaxWithLoss())


def lstm(rng: np.random.Generator, dtype: str) -> fl.Sequential:
    def weights(*shape: int) -> Any:
        return (rng.standard_normal(shape) / np.sqrt(shape[0])).astype(dtype)

    layers = [fl.TimeLSTM(weights(6, 128), weights(32, 128), weights(128)), fl.TimeAffine(weights(32, 4), weights(4))]
    return fl.Sequential(layers, fl.TimeSoftmaxWithLoss())


def exported(folder: Path) -> Iterator[Exported]:
    for dtype in ("float32", "float64"):
        rng = np.random.default_rng(0)
        networks = {
            "policy": (policy(rng, dtype), rng.standard_normal((64, 8)), None),
            "convnet": (
                image_network.network(np.dtype(dtype).type),
                image_network.images(16).astype(np.float64),
                image_network.SHAPE,
            ),
            "lstm": (lstm(rng, dtype), rng.standard_normal((1, 64, 6)), None),  # a sequence, one step after another
        }
        for name, (network, inputs, shape) in networks.items():
            x, of_steps = inputs.astype(dtype), name == "lstm"
            path = folder / f"{name}_{dtype}.c"
            sizes = c.save(path, network, input_shape=shape).sizes
            rows = x[0] if of_steps else x.reshape(len(x), -1)
            y = network.predict(x)
            yield Exported(name, dtype, path, sizes, rows, y[0] if of_steps else y)


# What runs on a machine


def program(networks: list[Exported]) -> str:
    """A main that prints the bytes of all that the networks give for their inputs, a line for each network."""
    declarations, calls = [], []
    for network in networks:
        name, real = network.path.stem, "float" if network.dtype == "float32" else "double"
        numbers = ",\n".join(f"{number!r}{'f' * (real == 'float')}" for number in network.x.ravel().tolist())
        state, given = "", ""
        if network.sizes.state:
            state, given = f"{name}_state state; {name}_reset(&state);", "&state, "
        declarations += [
            f'#include "{name}.h"',
            f"static const {real} x_{name}[{len(network.x)}][{name.upper()}_INPUT_SIZE] = {{{numbers}}};",
        ]
        calls.append(
            f"{{ {real} y[{name.upper()}_OUTPUT_SIZE]; {state}\n"
            f"for (int n = 0; n < {len(network.x)}; n++) {{ {name}({given}x_{name}[n], y);\n"
            'for (size_t i = 0; i < sizeof y; i++) printf("%02x", ((const unsigned char *)y)[i]); }'
            "\nputchar('\\n'); }"
        )
    head = "#include <stdio.h>\n"
    return head + "\n".join(declarations) + "\nint main(void)\n{\n" + "\n".join(calls) + "\nreturn 0;\n}\n"


def run(*command: Any) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stderr}{done.stdout}")
    return done.stdout


def results(machine: Machine, compiler: str, flags: tuple[str, ...], networks: list[Exported]) -> list[Any]:
    """What each network gives there, compiled by these flags; once each file's own check has passed there."""
    folder = networks[0].path.parent
    command, objects = [compiler, *machine.flags], []
    for network in networks:
        objects.append(network.path.with_suffix(".o"))
        run(*command, *flags, "-c", network.path, "-o", objects[-1])
        run(
            *command,
            *flags,
            f"-D{network.path.stem.upper()}_TEST",
            network.path,
            "-x",
            "none",
            "-o",
            folder / "check",
            "-lm",
        )
        run(*machine.run, folder / "check")
    run(*command, folder / "main.c", *objects, "-o", folder / "all", "-lm")
    lines = run(*machine.run, folder / "all").splitlines()
    found = []
    for network, line in zip(networks, lines, strict=True):
        found.append(np.frombuffer(bytes.fromhex(line), network.dtype).reshape(network.y.shape))
    return found


def sizes(machine: Machine, compiler: str, network: Exported) -> str:
    """What a compiler says of the file at -Os: its sections, a program of it alone, and the stack of a call."""
    there = network.path.with_suffix(".o")
    command = [compiler, *machine.flags, *STRICT, "-Os", "-ffunction-sections"]
    run(*command, "-c", *(["-fstack-usage"] if "gcc" in compiler else []), network.path, "-o", there)
    text, data, bss = run(machine.size, there).splitlines()[1].split()[:3]
    usage = network.path.with_suffix(".su")
    stack = re.search(rf":{network.path.stem}\t(\d+)", usage.read_text()).group(1) if usage.exists() else "-"
    whole = "-"
    if machine.name == "Cortex-M4":
        alone = ["-nostartfiles", "-Wl,--gc-sections", f"-Wl,-e,{network.path.stem}", there, "-lm"]
        run(compiler, *machine.flags, *alone, "-o", there.with_suffix(".elf"))
        whole = run(machine.size, there.with_suffix(".elf")).splitlines()[1].split()[0]
    return f"{text:>7} {data:>5} {bss:>5} {whole:>8} {stack:>6}"


def differences(networks: list[Exported]) -> list[str]:
    """Print how far each machine is from `predict`; what is too far is given back."""
    titles = [f"{network.name} {network.dtype}" for network in networks]
    print("Largest difference from predict, in ulp of the largest number that is predicted; and as it is\n")
    print(f"{'machine':<10} {'compiler':<22} {'language':<8}", *(f"{title:>18}" for title in titles))
    wrong = []
    for machine in MACHINES:
        for compiler, (language, flags) in product(machine.compilers, LANGUAGES.items()):
            cells = []
            for network, y in zip(networks, results(machine, compiler, flags, networks), strict=True):
                largest, difference = np.abs(network.y).max(), np.abs(y - network.y).max()
                cells.append(f"{difference / np.spacing(largest):5.1f} ulp {difference:8.1e}")
                if not difference <= BOUND[network.dtype] * largest:
                    wrong.append(f"{network.path.stem} on {machine.name}, {compiler} {language}")
            print(f"{machine.name:<10} {compiler:<22} {language:<8}", *(f"{cell:>18}" for cell in cells), flush=True)
    return wrong


def main() -> None:
    if missing := [tool for machine in MACHINES for tool in machine.missing()]:
        raise SystemExit(f"{', '.join(missing)} are not there; nox -s c gets them on a Debian")
    with tempfile.TemporaryDirectory() as name:
        networks = [*exported(Path(name))]
        Path(name, "main.c").write_text(program(networks))
        wrong = differences(networks)
        print("\nBytes: as the file says; as the compiler says at -Os; and of a program that has nothing else\n")
        print(f"{'network':<16} constants  stack  state  {'machine':<10}    text  data   bss  program  stack")
        for network, machine in product(networks, MACHINES):
            said = f"{network.sizes.constants:>9} {network.sizes.stack:>6} {network.sizes.state:>6}"
            print(f"{network.path.stem:<16} {said}  {machine.name:<10} {sizes(machine, machine.compilers[0], network)}")
    if wrong:
        raise SystemExit(f"further from predict than {BOUND} of the largest number: {'; '.join(wrong)}")


if __name__ == "__main__":
    main()
