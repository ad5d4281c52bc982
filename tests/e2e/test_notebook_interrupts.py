"""In a real kernel of Jupyter: long work shows one line, can be interrupted, leaves what it has, and goes on."""

import os
import time
from pathlib import Path
from queue import Empty

import pytest

import phi_sol

jupyter_client = pytest.importorskip("jupyter_client")
pytest.importorskip("ipykernel")
REPOSITORY = Path(phi_sol.__file__).parents[1]
PATIENCE = 600  # seconds


class Kernel:
    """Runs cells, and knows what each of them shows."""

    def __init__(self, folder: Path):
        self.manager = jupyter_client.KernelManager(kernel_name="python3")
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
        self.manager.start_kernel(cwd=str(folder), env=environment)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE)

    def run(self, code: str, interrupted: bool = False) -> tuple[list[dict], dict | None, str]:
        """
        Outputs as they stand in the end, the error, and what was printed on stdout; `interrupted`: as soon as the cell
        shows how far it is.
        """
        identity, deadline = self.client.execute(code), time.monotonic() + PATIENCE
        outputs, error, said, waiting = {}, None, "", interrupted
        while time.monotonic() < deadline:
            try:
                message = self.client.get_iopub_msg(timeout=5)
            except Empty:
                continue
            if message["parent_header"].get("msg_id") != identity:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind in ("display_data", "update_display_data"):
                outputs[content["transient"]["display_id"]] = content["data"]
                if waiting and any(word in content["data"]["text/plain"] for word in ("loss", "rollout")):
                    waiting = False
                    self.manager.interrupt_kernel()
            elif kind == "stream":
                said += content["text"] if content["name"] == "stdout" else ""
            elif kind == "error":
                error = content
            elif kind == "status" and content["execution_state"] == "idle":
                return list(outputs.values()), error, said
        raise AssertionError(f"The cell did not end: {code}")


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    made = Kernel(tmp_path_factory.mktemp("notebook"))
    yield made
    made.client.stop_channels()
    made.manager.shutdown_kernel(now=True)


def test_a_rollout_is_interrupted_and_its_frames_are_there(kernel):
    begin = "import phi_sol as ps\nflow = ps.WakeFlow(y=16, x=8)\nstart = flow.initial_state(reynolds=300.0)"
    assert kernel.run(begin) == ([], None, "")
    outputs, error, _ = kernel.run("frames = flow.rollout(start, 10**8, 100)", interrupted=True)
    assert error["ename"] == "KeyboardInterrupt" and "frames are there: sys.last_value.so_far" in error["evalue"]
    (shown,) = outputs
    assert "stopped after" in shown["text/plain"] and "<progress" not in shown["text/html"]
    asked = "import sys\nfound = sys.last_value.so_far\n"
    asked += "print(len(found) > 0, found.times[0], len(found) == len(found.times))"
    assert kernel.run(asked) == ([], None, "True 100.0 True\n")
    again = "print(len(flow.rollout(start, 300, 100, progress=False)))"
    assert kernel.run(again) == ([], None, "3\n")


def test_a_training_is_interrupted_and_goes_on(kernel, tiny_scene, tiny_data):
    kernel.run(
        "import keras\nimport phi_sol as ps\n"
        f"data = ps.Dataset.load(ps.load_experiment({str(tiny_scene)!r}).pair, {str(tiny_data)!r})\n"
        "plan = ps.Plan(ps.curriculum(2), batch=2, learning_rate=1e-3, steps=10**6)\n"
        "trainer = ps.Trainer(ps.Correction(data, 'sol', 'small'), plan, 'run')"
    )
    outputs, error, _ = kernel.run("trainer.fit()", interrupted=True)
    assert error["ename"] == "KeyboardInterrupt" and len(outputs) == 1
    stop = "class Stop(keras.callbacks.Callback):\n    def on_train_batch_end(self, batch, logs=None):\n"
    stop += "        self.model.stop_training = True\n"
    asked = "before = trainer.step\nfound = trainer.fit([Stop()], progress=False)\n"
    outputs, error, said = kernel.run(stop + asked + "print(trainer.step - before, type(found).__name__)")
    assert (outputs, error, said) == ([], None, "1 Corrector\n")
