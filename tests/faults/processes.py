"""Commands as processes of their own, and what they leave on disk."""

import subprocess
import sys
from pathlib import Path

COMMAND = [sys.executable, "-m", "phi_sol"]
TRAINING = "train long.py --method sol --unroll 2 --network small --validation 0 --batch 2"


def start(command: str, folder: Path) -> subprocess.Popen:
    return subprocess.Popen([*COMMAND, *command.split()], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ended(process: subprocess.Popen) -> tuple[int, str]:
    """Exit code of a process, and its last line on stderr; there is no traceback."""
    said = process.communicate()[1].decode()
    assert "Traceback" not in said, said
    return process.returncode, (said.strip().splitlines() or [""])[-1]


def contents(folder: Path, *patterns: str) -> dict[str, bytes]:
    found = sorted(p for pattern in patterns for p in folder.glob(pattern) if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in found}
