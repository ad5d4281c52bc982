"""Poisson problem in 2D: initial guesses for conjugate gradients, learned with the solver in the loop."""

from phi_sol import PoissonExperiment, Schedule, SmokeBox

experiment = PoissonExperiment(
    name="poisson_2d",
    flow=SmokeBox,
    source=dict(y=64, x=64),
    train=dict(seed=tuple(range(160)), buoyancy=(0.1,)),
    test=dict(seed=tuple(range(1000, 1025)), buoyancy=(0.1,)),
    warmup=0,
    frames=32,
    keep_reference_every=32,
    tolerance=1e-3,
    samples=100,
    simulation_steps=100,
    schedule=Schedule(
        network="deep-unet",
        unroll=5,
        steps=8000,
        batch=4,
        learning_rate=1e-3,
        decay="exponential",
        ramp=0.02,
        clip=0.1,
    ),
)
