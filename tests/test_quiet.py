"""What comes on stderr where TensorFlow is imported: errors, and no notes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import phi_sol
from phi_sol.quiet import LEVEL

REPOSITORY = Path(phi_sol.__file__).parents[1]
FAKE = '''"""Says what TensorFlow says, and an error."""

import os
import sys
from contextlib import suppress

with suppress(OSError):
    os.write(2, b"""WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795861073.975742    9953 port.cc:153] oneDNN custom operations are on. You may see
2026-11-28 10:00:00.123456: I tensorflow/core/platform/cpu_feature_guard.cc:210] This TensorFlow binary is optimized
To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow.
E0000 00:00:1795861073.975742    9953 cuda_platform.cc:52] failed call to cuInit: INTERNAL: UNKNOWN ERROR (303)
E0000 00:00:1795861073.975742    9953 cuda_blas.cc:1407] Unable to register cuBLAS factory: there is one already
E0000 00:00:1795861073.975742    9953 disk.cc:1] a real error
""")
print("a warning from Python", file=sys.stderr)
if "DIES" in os.environ:
    os.write(2, b"F0000 this processor is too old\\n")
    os.abort()


class config:
    def list_physical_devices(kind=None):
        with suppress(OSError):
            os.write(2, b"I0000 devices\\n")
        return []
'''


def python(code: str, folder: Path = REPOSITORY, code_expected: int = 0, **variables) -> str:
    """What a process writes on stderr that begins with no log level of its own."""
    env = {n: v for n, v in os.environ.items() if n != LEVEL} | variables
    env["PYTHONPATH"] = f"{folder}:{REPOSITORY}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode == code_expected, done.stderr
    return done.stderr


@pytest.fixture
def fake(tmp_path) -> Path:
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").write_text(FAKE)
    return tmp_path


def test_errors_come_through_and_notes_do_not(fake):
    said = python("import phi_sol, tensorflow; tensorflow.config", fake).splitlines()
    assert [line.partition("] ")[2] or line for line in said if "cuInit" not in line] == [
        "a real error",
        "a warning from Python",
    ]
    assert python("import phi_sol, sys; print('later', file=sys.stderr)", fake) == "later\n"


def test_what_a_process_says_that_dies_in_the_import_is_seen(fake):
    said = python("import phi_sol, tensorflow", fake, -6, DIES="1")
    assert "F0000 this processor is too old" in said and "oneDNN" not in said


def test_nothing_changes_where_notes_are_wanted_or_tensorflow_came_first(fake):
    assert "oneDNN" in python("import phi_sol, tensorflow", fake, **{LEVEL: "0"})
    said = python("import tensorflow, phi_sol, sys; assert not [f for f in sys.meta_path if 'Quiet' in str(f)]", fake)
    assert "oneDNN" in said


def test_an_import_without_stderr_or_grep(fake):
    assert python("import os, sys; os.close(2); sys.stderr = None; import phi_sol, tensorflow", fake) == ""
    assert "oneDNN" not in python("import sys; sys.stderr = None; import phi_sol, tensorflow", fake)
    assert "oneDNN" in python("import phi_sol, tensorflow", fake, PATH="")


def test_garbage_is_collected_again(fake):
    python("import gc, phi_sol, tensorflow; assert gc.isenabled()", fake)
    python("import gc; gc.disable(); import phi_sol, tensorflow; assert not gc.isenabled()", fake)


SCRIPTS = {
    "pretrained": "hybrid = ps.HybridSolver(pair.source, ps.pretrained('wake_2d'))\nhybrid.step(start)",
    "tensorflow": "import tensorflow as tf\npair.source.step(start, tf.constant(1.0))",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_say_nothing(name):
    begin = "import phi_sol as ps\npair = ps.load_experiment('wake_2d').pair\n"
    begin += "start = pair.source.initial_state(reynolds=300.0)\n"
    assert python(begin + SCRIPTS[name]) == ""


def test_commands_say_nothing(tmp_path):
    main = "import sys; from phi_sol.__main__ import main; sys.argv = ['phi-sol', {}]; main()"
    assert python(main.format("'networks'")) == ""
    asked = f"'generate', 'karman_2d', '--out', {str(tmp_path)!r}, '--dry-run'"
    assert python(main.format(asked)) == ""
