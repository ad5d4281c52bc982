"""
Every stored file, damaged in many ways, times every command that reads it: a command ends with one line and exit code
2, or does its work as if nothing had happened, since what was damaged can be made anew or is not needed.
"""

import multiprocessing
import re
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from folders import chdir

from phi_sol import evaluate
from phi_sol.cli import main
from phi_sol.storage.files import read_json, write_json

Damage = Callable[[bytes, bytes], bytes]


def bit(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 16]) + content[at + 1 :]


def another_number(content: bytes, other: bytes) -> bytes:
    """The last digit of a text file is another one; binary files lose a byte in the middle."""
    numbers = list(re.finditer(rb"[0-9](?=[,\s\]}])", content))
    if b"\0" in content or not numbers:
        return content[: len(content) // 2] + content[len(content) // 2 + 1 :]
    at = numbers[-1].start()
    return content[:at] + (b"7" if content[at : at + 1] != b"7" else b"3") + content[at + 1 :]


DAMAGES: dict[str, Damage] = {
    "empty": lambda content, other: b"",
    "half": lambda content, other: content[: len(content) // 2],
    "one byte less": lambda content, other: content[:-1],
    "zeros": lambda content, other: bytes(len(content)),
    "zeros at the end": lambda content, other: content[: len(content) // 2] + bytes(len(content) - len(content) // 2),
    "a bit in the middle": lambda content, other: bit(content, len(content) // 2),
    "a bit near the beginning": lambda content, other: bit(content, min(40, len(content) - 1)),
    "another number": another_number,
    "that of another": lambda content, other: other,
    "no UTF-8": lambda content, other: b"\xff\xfe\xfa" + content,
    "deep": lambda content, other: b"[" * 100_000,
    "text": lambda content, other: b"see the other folder\n",
}


@dataclass(frozen=True)
class Kind:
    """A kind of file: one, another of its kind, the commands that read it, and a damage and command for every day."""

    file: str
    other: str
    commands: tuple[str, ...]
    quick: tuple[str, str] | None = None


TRAINING = "train tiny.py --method non --network small --validation 0"
COMMANDS = {
    "generate": "generate tiny.py --split test",
    "generate all": "generate tiny.py",
    "train": f"{TRAINING} --steps 2 --out runs/tiny/new",
    "train pre": "train tiny.py --method pre --steps 2 --validation 0 --network small --out runs/tiny/new",
    "resume": f"{TRAINING} --steps 3 --resume --out runs/tiny/sol",
    "evaluate": "evaluate tiny.py --run runs/tiny/sol --no-numerics --out runs/tiny/now",
    "export": "export tiny.py --run runs/tiny/sol --out exported",
    "compare": "compare runs/tiny/evaluation runs/tiny/evaluation",
    "start": "generate tiny.py --split test --start state.npz --out started",
}
TRAIN, TEST, RUN = "data/tiny/train/sim_000000", "data/tiny/test/sim_000000", "runs/tiny/sol"
KINDS = {
    "description": Kind(
        f"{TEST}/description.json",
        f"{TRAIN}/description.json",
        ("generate", "evaluate", "export"),
        ("half", "evaluate"),
    ),
    "description of the training": Kind(
        f"{TRAIN}/description.json", "data/tiny/train/sim_000001/description.json", ("train", "resume", "generate all")
    ),
    "frame": Kind(
        f"{TEST}/velocity_000003.npz",
        f"{TEST}/velocity_000004.npz",
        ("generate", "evaluate", "export"),
        ("that of another", "evaluate"),
    ),
    "reference": Kind(
        f"{TRAIN}/reference/velocity_000005.npz",
        f"{TRAIN}/reference/velocity_000010.npz",
        ("train pre", "generate all"),
    ),
    "pack": Kind("data/tiny/train/.packed/*/marker.npy", "data/tiny/test/.packed/*/marker.npy", ("train", "resume")),
    "manifest": Kind(
        "data/tiny/train/.packed/*/manifest.json",
        "data/tiny/test/.packed/*/manifest.json",
        ("train",),
        ("a bit in the middle", "train"),
    ),
    "network": Kind(
        f"{RUN}/corrector.keras", "runs/tiny/other/corrector.keras", ("evaluate", "export"), ("half", "evaluate")
    ),
    "corrector": Kind(
        f"{RUN}/corrector.json",
        "runs/tiny/other/corrector.json",
        ("evaluate", "export"),
        ("a bit in the middle", "evaluate"),
    ),
    "run": Kind(f"{RUN}/run.json", "runs/tiny/other/run.json", ("resume",), ("that of another", "resume")),
    "checkpoint": Kind(
        f"{RUN}/checkpoints/ckpt-2.data-00000-of-00001",
        "runs/tiny/other/checkpoints/ckpt-2.data-00000-of-00001",
        ("resume",),
        ("half", "resume"),
    ),
    "index": Kind(f"{RUN}/checkpoints/ckpt-2.index", "runs/tiny/other/checkpoints/ckpt-2.index", ("resume",)),
    "point": Kind(f"{RUN}/checkpoints/ckpt-2.json", "runs/tiny/other/checkpoints/ckpt-2.json", ("resume",)),
    "log": Kind(f"{RUN}/log.csv", "runs/tiny/other/log.csv", ("resume",), ("that of another", "resume")),
    "results": Kind(
        "runs/tiny/evaluation/results.json", f"{RUN}/run.json", ("compare",), ("that of another", "compare")
    ),
    "state": Kind("state.npz", "other.npz", ("start",), ("half", "start")),
}


def run(command: str) -> int:
    return main(COMMANDS[command].split())


@pytest.fixture(scope="module")
def whole(tiny, tiny_scene, tiny_data, tmp_path_factory) -> Path:
    """A folder in which everything has been made, and a run that is not finished."""
    folder = tmp_path_factory.mktemp("whole")
    shutil.copy(tiny_scene, folder / "tiny.py")
    shutil.copytree(tiny_data, folder / "data" / "tiny", ignore=shutil.ignore_patterns(".packed"))
    with chdir(folder):
        for name, seed in (("sol", 0), ("other", 1)):
            assert main(f"{TRAINING} --steps 2 --seed {seed} --out runs/tiny/{name}".split()) == 0
        results = evaluate(tiny, [RUN], "data/tiny", numerics=False, progress=False).results  # no pictures
        Path("runs/tiny/evaluation").mkdir()
        write_json(Path("runs/tiny/evaluation/results.json"), results)
        for name, reynolds in (("state", 200.0), ("other", 250.0)):
            tiny.pair.reference.initial_state(reynolds=reynolds).save(f"{name}.npz")
    return folder


def outcome(folder: Path, command: str) -> dict:
    """What a command made, to be compared: numbers of an evaluation, frames, weights."""
    if command == "evaluate":
        solvers = read_json(folder / "runs/tiny/now/results.json")["solvers"]
        return {n: s["mae"] for n, s in solvers.items() if "mae" in s}
    if command == "resume":
        return {"steps": read_json(folder / RUN / "run.json")["steps_done"]}
    if command in ("generate", "generate all"):
        found = sorted((folder / "data").glob("*/*/sim_*/**/*.npz"))
        return {str(p.relative_to(folder)): p.read_bytes() for p in found}
    if command == "start":
        return {p.name: p.read_bytes() for p in sorted((folder / "started").rglob("*.npz"))}
    return {}


ALL = [(name, damage, command) for name, kind in KINDS.items() for command in kind.commands for damage in DAMAGES]
SOME = [(name, *kind.quick) for name, kind in KINDS.items() if kind.quick]


@pytest.fixture(scope="module")
def usual(whole, tmp_path_factory) -> Callable[[str], dict]:
    """What a command makes where nothing is damaged, computed once."""
    known: dict[str, dict] = {}

    def get(command: str) -> dict:
        if command not in known:
            folder = tmp_path_factory.mktemp("usual") / "copy"
            shutil.copytree(whole, folder)
            with chdir(folder):
                assert run(command) == 0
            known[command] = outcome(folder, command)
        return known[command]

    return get


def check(whole: Path, folder: Path, name: str, damage: str, command: str, expected: Callable[[], dict]):
    """A command after a damage; `expected` gives its outcome without."""
    shutil.copytree(whole, folder)
    kind = KINDS[name]
    (file,), (other,) = ([*folder.glob(f)] for f in (kind.file, kind.other))
    before = file.read_bytes()
    after = DAMAGES[damage](before, other.read_bytes())
    assert after != before
    file.write_bytes(after)
    with chdir(folder), redirect_stderr(StringIO()) as errors:
        code = run(command)
    said = errors.getvalue().strip().splitlines()
    assert "Traceback" not in "".join(said) and code in (0, 2), (code, said)
    if code == 2:
        line = said[-1]
        named = {Path(kind.file).name.partition(".")[0].strip("*"), str(Path(kind.file).parent)}  # or its neighbour
        assert line.startswith("phi-sol: ") and any(n in line for n in named), line
    else:
        now, usual = outcome(folder, command), expected()
        assert now.keys() == usual.keys()
        for name, value in usual.items():
            assert now[name] == (value if isinstance(value, bytes) else pytest.approx(value, rel=1e-4)), name


@pytest.mark.parametrize("case", SOME, ids=", ".join)
def test_some_damages(case, whole, usual, tmp_path):
    check(whole, tmp_path / "copy", *case, lambda: usual(case[-1]))


def what_is_wrong(case: tuple) -> str:
    """The same in a process of its own, as a text; nothing where all is well."""
    *what, expected = case
    try:
        check(*what, lambda: expected)
    except (Exception, SystemExit) as err:
        return f"{', '.join(case[2:5])}: {type(err).__name__} {str(err)[:300]}"
    finally:
        shutil.rmtree(case[1], ignore_errors=True)
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_all_damages(name, whole, usual, tmp_path, capsys):
    """In processes of their own, since what XLA has compiled stays in one: 60 MB a command."""
    chosen = [c for c in ALL if c[0] == name]
    given = [(whole, tmp_path / str(i), *c, usual(c[-1])) for i, c in enumerate(chosen)]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        wrong = [w for w in pool.imap(what_is_wrong, given) if w]
    with capsys.disabled():
        print(f"\n{len(given)} damages of the {name}: {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["description", "corrector", "network", "frame"])
def test_flips_of_single_bits(name, whole, tmp_path, capsys):
    """500 in each file: it reads as before, or is refused."""
    from phi_sol import Corrector, load_experiment
    from phi_sol.errors import InputError
    from phi_sol.storage.dataset import Dataset

    shutil.copytree(whole, folder := tmp_path / "copy")
    (file,) = folder.glob(KINDS[name].file)
    pair, generator, content = (
        load_experiment(str(folder / "tiny.py")).pair,
        np.random.default_rng(0),
        file.read_bytes(),
    )

    def read() -> bytes:
        if name in ("corrector", "network"):
            return Corrector.load(folder / RUN).fingerprint.encode()
        shutil.rmtree(folder / "data/tiny/test/.packed", ignore_errors=True)
        data = Dataset.load(pair, folder / "data/tiny", "test")
        return b"".join(a.tobytes() for a in (*data.arrays.values(), *data.parameters.values()))

    usual, refused = read(), 0
    for place, bits in zip(generator.integers(len(content), size=500), generator.integers(8, size=500), strict=True):
        file.write_bytes(content[:place] + bytes([content[place] ^ (1 << int(bits))]) + content[place + 1 :])
        try:
            assert read() == usual, f"byte {place}, bit {bits}: read as something else"
        except InputError as err:
            assert "\n" not in str(err)
            refused += 1
    with capsys.disabled():
        print(f"\n{file.name}: of 500 flipped bits {refused} are refused, {500 - refused} don't matter")
