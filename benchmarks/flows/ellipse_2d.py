"""Wake of an ellipse across the stream."""

import numpy as np
from wakes import REYNOLDS, wake

y, x = np.meshgrid((np.arange(512) + 0.5) * 200 / 512, (np.arange(256) + 0.5) * 100 / 256, indexing="ij")

experiment = wake(
    "ellipse_2d",
    obstacles=((y - 50) / 7) ** 2 + ((x - 50) / 13) ** 2 < 1,
    train=dict(reynolds=REYNOLDS[::2]),
)
