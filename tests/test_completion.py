"""The scripts of ``fastlayers completion`` in the shells themselves, against all that the parser knows."""

from __future__ import annotations

import argparse
import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import environment, fail, succeed

from fastlayers.command import cli
from fastlayers.command.options import parser

pytest.importorskip("shtab")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX shells")

TREE: Any = parser(cli._COMMANDS)
(COMMANDS,) = (action.choices for action in TREE._actions if isinstance(action, argparse._SubParsersAction))
# What is completed, and all that is offered for it.
CASES = [
    ([""], set(COMMANDS)),
    (["tr"], {"train"}),
    *(
        ([name, "--"], {option for option in command._option_string_actions if option.startswith("--")})
        for name, command in COMMANDS.items()
    ),
    *(
        ([name, option, ""], set(action.choices))
        for name, command in COMMANDS.items()
        for option, action in command._option_string_actions.items()
        if action.choices
    ),
    (["train", "--optimizer", "ada"], {"adagrad", "adam"}),
    (["train", "--hidden", "8", "9", "--epo"], {"--epochs"}),
    (["completion", ""], {"bash", "zsh", "fish"}),
]
FILES = [["predict", "m"], ["export", "m"], ["train", "--save", "m"], ["train", "--plot", "m"]]


@pytest.fixture(scope="module", params=["bash", "fish"])
def offered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., set[str]]:
    """Ask a shell what it offers for the last of these words."""
    shell = request.param
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    folder = tmp_path_factory.mktemp(shell)
    (folder / "script").write_text(succeed("completion", shell))
    (folder / "model.npz").touch()
    (folder / "many").mkdir()
    (folder / "other").touch()
    return lambda *words: ask(shell, folder, words)


def ask(shell: str, folder: Path, words: tuple[str, ...]) -> set[str]:
    if shell == "fish":
        program, args = 'source script; complete -C "$argv"', ["fastlayers " + " ".join(words)]
        command = ["fish", "--no-config", "-c", program, *args]
    else:
        program = (
            'source ./script; COMP_WORDS=(fastlayers "$@"); COMP_CWORD=$#; function=$(complete -p fastlayers); '
            'function=${function#*-F }; ${function% *} fastlayers "${!#}" "${COMP_WORDS[$#-1]}"; '
            'printf "%s\\n" "${COMPREPLY[@]}"'
        )
        command = ["bash", "--norc", "-c", program, "bash", *words]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60, check=True,
        env=environment(HOME=str(folder), XDG_DATA_HOME=str(folder), XDG_CONFIG_HOME=str(folder)),
    )  # fmt: skip
    assert done.stderr == ""
    return {line.split("\t")[0].rstrip("/") for line in done.stdout.splitlines() if line}


@pytest.mark.parametrize(
    ("words", "expected"), CASES, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_words(offered: Callable[..., set[str]], words: list[str], expected: set[str]) -> None:
    assert offered(*words) == expected


@pytest.mark.parametrize("words", FILES, ids=" ".join)
def test_files(offered: Callable[..., set[str]], words: list[str]) -> None:
    assert offered(*words) == {"model.npz", "many"}


def test_folders(offered: Callable[..., set[str]]) -> None:
    assert offered("train", "--idx", "m") == {"many"}
    assert offered("predict", "--idx", "m") == {"many"}


def test_zsh_at_the_tab_key(tmp_path: Path) -> None:
    if shutil.which("zsh") is None:
        pytest.skip("no zsh here")
    import pty

    (tmp_path / "_fastlayers").write_text(succeed("completion", "zsh"))
    master, slave = pty.openpty()
    env = environment(HOME=str(tmp_path), TERM="dumb")
    with subprocess.Popen(["zsh", "-f", "-i"], cwd=tmp_path, stdin=slave, stdout=slave, stderr=slave, env=env) as shell:
        os.close(slave)
        try:
            typed = "fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D; PS1=; echo re''ady\n"
            type_in(master, typed, "ready")
            type_in(master, "fastlayers tra\t", "train")
            type_in(master, "--activ\t", "--activation")
            type_in(master, "ta\t", "tanh")
            type_in(master, "--optimizer \t\t", "momentum")
        finally:
            shell.kill()
            os.close(master)


def type_in(terminal: int, keys: str, expected: str) -> None:
    """Type, and wait until the shell has shown what was not typed."""
    os.write(terminal, keys.encode())
    seen, end = "", time.monotonic() + 30
    while expected not in re.sub("\b| ", "", seen):
        assert time.monotonic() < end, f"{keys!r} was answered with {seen!r}"
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 4096).decode()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_take_the_script_as_it_is(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    (tmp_path / "script").write_text(succeed("completion", shell))
    subprocess.run([shell, "-n", "script"], cwd=tmp_path, timeout=60, check=True, env=environment(HOME=str(tmp_path)))


def test_without_shtab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shtab.py").write_text("raise ModuleNotFoundError('gone')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    assert fail("completion", "bash").endswith(
        "'fastlayers completion' needs shtab, which does not import (gone); get it with: pip install 'shtab>=1.13'\n"
    )
