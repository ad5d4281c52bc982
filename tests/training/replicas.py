"""
Trains a few iterations and stores the weights, in a process of its own:
    `distributed.py STRATEGY SCENE DATA RUN RESULT [resume]`.

`mirrored` has two CPUs of this machine; `multi-worker` takes its place in the cluster from TF_CONFIG.
"""

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

PLAN = dict(batch=4, learning_rate=1e-3, steps=4, clip=0.05, ema=0.9)


def train(data, folder, strategy=None, stop=None, resume=False):
    """
    The trainer after its training, which diverges once and is taken up again; interrupted after some iterations if
    `stop` is given.
    """
    import keras

    from phi_sol import Correction, Method, Plan, Stage, Trainer, Validation

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch + 1 == stop:
                raise KeyboardInterrupt
            if batch + 1 == 3 and not run.course.recoveries:
                run.task.model.layers[-1].bias.assign([np.nan, np.nan])

    method, validation = Method("sol", 2, noise=0.01), Validation(1, frames=2)
    run = Trainer(
        Correction(data, method, "small"),
        Plan((Stage(1, 0.5), Stage(2, 1.0)), **PLAN),  # with a change of stage
        folder,
        validation=validation,
        strategy=strategy,
        resume=resume,
    )
    try:
        run.fit([Stop()])
    except KeyboardInterrupt:
        assert stop
    assert stop or [(r["iteration"], r["back_to"]) for r in run.course.recoveries] == [(4, 2)]
    return run


def main(name: str, scene: str, data: str, run: str, result: str, resume: str = ""):
    if name == "mirrored":
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
        )
    from phi_sol.training.distribution import make_strategy

    strategy = make_strategy(name)
    from phi_sol import Dataset, load_experiment

    recorded = Dataset.load(load_experiment(scene).pair, Path(data))
    if resume:
        train(recorded, run, strategy, stop=2)
    trained = train(recorded, run, strategy, resume=bool(resume))
    error = np.array([trained.validation_error])
    np.savez(result, *trained.task.model.get_weights(), error=error, replicas=strategy.num_replicas_in_sync)


if __name__ == "__main__":
    main(*sys.argv[1:])
