"""The 2D wake of the paper at full size: do the vortices shed, and how wrong is the source?"""

import numpy as np
import pytest

from phi_sol import Dataset, Generator, load_experiment
from phi_sol.evaluation.records import run_solver
from phi_sol.metrics import dominant_frequency
from phi_sol.storage.dataset import find_simulations

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def test_set(tmp_path_factory):
    """The test set of karman_2d: five simulations of 1500 reference steps."""
    experiment, folder = load_experiment("karman_2d"), tmp_path_factory.mktemp("karman_2d")
    Generator(experiment, "test", folder).run()
    return Dataset(experiment.pair, find_simulations(folder, "test"))


def test_vortices_shed_at_each_reynolds_number(test_set):
    """
    Sideways velocity 50 units behind the cylinder. Strouhal number f D / U by diameter; blockage D / width is 20 %.
    """
    probe = test_set.arrays["velocity.x"][:, :, 32, 15]
    for reynolds, signal in zip(test_set.parameters["reynolds"], probe, strict=True):
        strouhal = dominant_frequency(signal, 1.0) * 20
        print(f"Re {reynolds:g} by radius: Strouhal {strouhal:.3f}, amplitude {signal.std():.2f}")
        assert 0.18 < strouhal < 0.24
        assert signal.std() > 0.3  # a vortex street, not a rest of the poke
        first, second = np.std(signal[:250]), np.std(signal[250:])
        assert second > 0.8 * first  # it does not decay
        assert signal.min() < -0.3 < 0.3 < signal.max()


def test_lowest_reynolds_number_has_the_accepted_strouhal_number(test_set):
    assert 0.18 < dominant_frequency(test_set.arrays["velocity.x"][0, :, 32, 15], 1.0) * 20 < 0.22


def test_source_error_is_the_paper_s(test_set):
    """Velocity MAE over 500 frames and five Reynolds numbers; the paper has 0.146 +- 0.004."""
    run = run_solver(test_set.pair.source, test_set, 500, [])
    print({n: run.mean(n) for n in (50, 100, 250, 500)})
    assert run.mean(500) == pytest.approx(0.146, rel=0.1)
    assert run.mean(50) < run.mean(100) < run.mean(250)
