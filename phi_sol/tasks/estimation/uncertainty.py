"""Standard errors of unknown numbers, from how predictions depend on them."""

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

SEEN = 1e-6  # relative size of a singular value below which a combination of unknowns is not seen


def covariance_of(jacobian: np.ndarray, observations: int, variance: float) -> tuple[np.ndarray, int]:
    """
    (JᵀJ)^-1 of residuals (s - o) / σ, of which the first ones are of observations and the others of priors.

    Args:
        jacobian: Shape (residuals, n).
        variance: Of the residuals of observations, where σ was not known.

    Returns:
        The covariance, shape (n, n), infinite along what the residuals don't depend on; and how many combinations of
        unknowns they depend on.
    """
    jacobian = np.array(jacobian)
    jacobian[:observations] /= variance**0.5
    size = np.linalg.norm(jacobian, axis=0)
    scale = np.where(size > 0, size, 1)
    _, singular, right = np.linalg.svd(jacobian / scale, full_matrices=False)
    whole = singular > SEEN * singular[0]
    weights = np.where(whole, 1 / np.where(whole, singular, 1) ** 2, 0)
    covariance = (right.T * weights) @ right
    hidden = (right[~whole] ** 2).sum(0) > SEEN
    covariance[np.diag_indices(len(size))] += np.where(hidden, np.inf, 0.0)
    return covariance / np.outer(scale, scale), int(whole.sum())


def low_rank(jacobian: LinearOperator, observations: int, prior: np.ndarray, rank: int, variance: float) -> np.ndarray:
    """
    Standard deviations of many numbers, each with a prior of deviation p:

        C = P (1 - Σ_k λ_k / (1 + λ_k) v_k v_kᵀ) P,   P = diag(p),   P J_oᵀ J_o P v_k = λ_k v_k

    with J_o the part of the Jacobian that belongs to observations, and the largest eigenvalues λ_k; the others, which
    are left out, make the true deviations smaller still. Source: T. Bui-Thanh, O. Ghattas, J. Martin, G. Stadler, SIAM
    J. Sci. Comput. 35 (2013).

    Args:
        jacobian: Of all residuals, by its products.
        prior: Deviations p, shape (n,).
        rank: Eigenvalues.
        variance: As for `covariance_of`.

    Returns:
        Shape (n,).
    """

    def product(v: np.ndarray) -> np.ndarray:
        ahead = np.array(jacobian.matvec(prior * np.ravel(v))) / variance
        ahead[observations:] = 0
        return prior * jacobian.rmatvec(ahead)

    n = len(prior)
    values, vectors = eigsh(LinearOperator((n, n), matvec=product, dtype=np.float64), k=rank, tol=1e-2)
    values = np.maximum(values, 0)
    known = (values / (1 + values) * vectors**2).sum(1)
    return prior * np.sqrt(np.clip(1 - known, 0, 1))
