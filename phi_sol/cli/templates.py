"""The scene files that `phi-sol init` writes: small enough that all of a scene takes minutes on two CPU cores."""

FLOWS = {  # title, and the scene
    "wake": (
        "Wake of a cylinder: the source takes 20 times longer steps than its reference.",
        """
from phi_sol import Experiment, Schedule, WakeFlow

experiment = Experiment(
    name="NAME",  # also of the folders data/NAME and runs/NAME
    flow=WakeFlow,
    source=dict(y=64, x=32),  # cells of the coarse solver; with z=16 it is in 3D
    ratio=4,  # cells of the reference for one of the source, along each axis: 256x128
    time_ratio=20,  # steps of the reference for one of the source
    options=dict(dt=10.0),  # arguments of the flow: time step of the source, radius=, speed=, obstacles=, ...
    reference_options=dict(advection="mac_cormack"),  # second order
    train=dict(reynolds=(100.0, 193.1, 372.8, 719.7, 1000.0)),  # a simulation for each
    test=dict(reynolds=(268.3, 517.9)),  # never seen in training
    warmup=50,  # steps of the source that are discarded: until vortices are shed
    frames=50,  # that are recorded
    correct=("velocity",),  # fields that the network corrects
    # trained over up to 4 steps of source and network; more iterations (--steps, --budget) are better
    schedule=Schedule(network="faster", unroll=4, steps=1500, batch=8, learning_rate=2e-3),
)
""",
    ),
    "plume": (
        "Smoke that rises in a closed box, from random volumes.",
        """
from phi_sol import BuoyantPlume, Experiment, Schedule

experiment = Experiment(
    name="NAME",  # also of the folders data/NAME and runs/NAME
    flow=BuoyantPlume,
    source=dict(y=64, x=32),  # cells of the coarse solver; with z=32 it is in 3D
    ratio=4,  # cells of the reference for one of the source, along each axis: 256x128
    time_ratio=16,  # steps of the reference for one of the source
    options=dict(dt=8.0, advection="mac_cormack"),  # arguments of the flow: time step of the source, size=, ...
    train=dict(seed=tuple(range(16)), buoyancy=(0.03,)),  # a simulation for each seed, all with one buoyancy
    test=dict(seed=(1000, 1001), buoyancy=(0.03,)),  # never seen in training
    warmup=0,  # steps of the source that are discarded
    frames=30,  # that are recorded
    correct=("velocity", "marker"),  # fields that the network corrects: motion and smoke
    # relative: windows count by what the source gets wrong in each, so that calm ones count, too
    schedule=Schedule(network="fast", unroll=4, steps=1000, batch=8, learning_rate=2e-3, clip=100.0, relative=True),
)
""",
    ),
    "box": (
        "Vortices that decay in a periodic box.",
        """
from phi_sol import Experiment, PeriodicBox, Schedule

experiment = Experiment(
    name="NAME",  # also of the folders data/NAME and runs/NAME
    flow=PeriodicBox,
    source=dict(y=32, x=32),  # cells of the coarse solver; with z=32 it is in 3D
    ratio=4,  # cells of the reference for one of the source, along each axis: 128x128
    time_ratio=8,  # steps of the reference for one of the source
    # arguments of the flow: time step of the source, scheme, and the spectrum of the start
    options=dict(dt=0.1, advection="central", peak=2.0, spread=0.5),
    train=dict(seed=tuple(range(8)), viscosity=(0.005, 0.006, 0.0072, 0.0086, 0.0103, 0.0124, 0.0149, 0.02)),
    test=dict(seed=(100, 101), viscosity=(0.0066, 0.0135)),  # never seen in training
    warmup=0,  # steps of the source that are discarded
    frames=20,  # that are recorded: 2 units of time
    correct=("velocity",),  # fields that the network corrects
    # trained over up to 8 steps of source and network; more iterations (--steps, --budget) are better
    schedule=Schedule(network="fast", unroll=8, steps=1000, batch=8, learning_rate=2e-3),
)
""",
    ),
    "kolmogorov": (
        "Turbulence that a sine-shaped force drives in a periodic box.",
        """
from phi_sol import Experiment, PeriodicBox, Schedule

experiment = Experiment(
    name="NAME",  # also of the folders data/NAME and runs/NAME
    flow=PeriodicBox,
    source=dict(y=64, x=64),  # cells of the coarse solver
    ratio=4,  # cells of the reference for one of the source, along each axis: 256x256
    time_ratio=4,  # steps of the reference for one of the source
    # arguments of the flow: time step of the source, schemes, force, and the drag that balances it
    options=dict(dt=0.032, advection="central", integrator="rk4", forcing="kolmogorov", drag=0.1),
    train=dict(seed=tuple(range(4)), viscosity=(1e-3,)),  # a simulation for each seed, all at Re = 1000
    test=dict(seed=(100, 101), viscosity=(1e-3,)),  # never seen in training
    warmup=300,  # steps of the source that are discarded: until the flow is turbulent
    frames=100,  # that are recorded: 3.2 units of time
    correct=("velocity",),  # fields that the network corrects
    # form: the network gives the stress of a closure, and not any correction
    schedule=Schedule(network="fast", unroll=8, steps=1000, batch=8, learning_rate=2e-3, form="stress"),
)
""",
    ),
    "advection": (
        "Advection-diffusion: a periodic velocity that carries itself, driven by travelling waves.",
        """
from phi_sol import Experiment, ForcedAdvection, Schedule

experiment = Experiment(
    name="NAME",  # also of the folders data/NAME and runs/NAME
    flow=ForcedAdvection,
    source=dict(y=32, x=32),  # cells of the coarse solver
    ratio=4,  # cells of the reference for one of the source, along each axis: 128x128
    train=dict(seed=tuple(range(8)), viscosity=(0.1,), amplitude=(0.15,)),  # a simulation for each seed
    test=dict(seed=(100, 101), viscosity=(0.1,), amplitude=(0.15,)),  # never seen in training
    warmup=30,  # steps that are discarded
    frames=100,  # that are recorded
    correct=("velocity",),  # fields that the network corrects
    # trained over up to 8 steps of source and network; more iterations (--steps, --budget) are better
    schedule=Schedule(network="small", unroll=8, steps=500, batch=6, learning_rate=1e-3),
)
""",
    ),
    "poisson": (
        "A Poisson problem: initial guesses for conjugate gradients, learned with the solver in the loop.",
        """
from phi_sol import PoissonExperiment, Schedule, SmokeBox

experiment = PoissonExperiment(
    name="NAME",  # also of the folders data/NAME and runs/NAME
    flow=SmokeBox,  # smoke in a closed box, whose pressure is guessed
    source=dict(y=32, x=32),  # cells; there is no finer reference
    train=dict(seed=tuple(range(40)), buoyancy=(0.1,)),  # a simulation for each seed
    test=dict(seed=tuple(range(1000, 1010)), buoyancy=(0.1,)),  # never seen in training
    warmup=0,  # steps that are discarded
    frames=16,  # that are recorded
    tolerance=1e-3,  # of the residual, at which conjugate gradients stop
    samples=50,  # problems of the test simulations that an evaluation solves
    simulation_steps=50,  # steps of the simulations that an evaluation runs
    # trained with 5 iterations of conjugate gradients in the loop; more iterations (--steps, --budget) are better
    schedule=Schedule(network="unet", unroll=5, steps=1000, batch=4, learning_rate=1e-3, clip=0.1),
)
""",
    ),
}


def scene_file(flow: str, name: str) -> str:
    """The text of a scene file."""
    title, scene = FLOWS[flow]
    return f'"""{title}"""\n{scene}'.replace("NAME", name)
