"""Short trainings of a tiny corrector."""

import numpy as np

from phi_sol import Correction, Plan, Trainer, curriculum


def trainer(data, folder, steps=6, method="sol", unroll=2, plan=None, **kwargs):
    plan = Plan(curriculum(unroll), batch=2, learning_rate=1e-3, steps=steps, **(plan or {}))
    return Trainer(Correction(data, method, "small"), plan, folder, scene="tiny", **kwargs)


def weights(corrector):
    return np.concatenate([np.asarray(w).ravel() for w in corrector.network.get_weights()])
