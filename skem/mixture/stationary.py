"""Labels of a Markov chain that has gone on for ever before the first row of a sequence."""

from dataclasses import dataclass

import numpy as np

from skem.chains.markov import stationary_distribution
from skem.em.model import DegenerateError
from skem.families.base import FloatArray
from skem.mixture.markov import Chain, Markov

__all__ = ["StationaryMarkov"]

#: Steps of one M-step (further ones saved no evaluation), and how often a step is halved until it
#: is no fall.
STEPS, HALVINGS = 2, 10


@dataclass(frozen=True, eq=False)
class StationaryMarkov(Markov):
    """A Markov chain whose start is the stationary distribution of its transitions.

    With expected starts ``s`` and transitions ``n`` the M-step maximises ::

        Q(A) = sum_k s_k log pi_k(A) + sum_ij n_ij log a_ij,    pi = pi A.

    It has no closed form. The slope of ``sum_k s_k log pi_k`` by ``a_ij`` is ``pi_i u_j`` with
    ``u = (I - A + 1 pi)^-1 (s / pi)``, for any constant added to u, so that the slope of Q is that
    of ``n_ij + a_ij pi_i u_j`` expected transitions of a chain with a free start: the past of a
    sequence counts as so many further transitions. Where these are positive, their shares are a
    way uphill (by Cauchy & Schwarz), of which as much is taken as does not lead down.

    The row of ``free`` that belongs to the start is False.
    """

    def tied(self, chain: Chain) -> Chain:
        """Return the chain with the start that its transitions have."""
        try:
            return Chain(stationary_distribution(chain.transmat), chain.transmat)
        except ValueError as error:
            raise DegenerateError(f"the chain has come apart: {error}") from None

    def maximize(self, counts: FloatArray, previous: Chain) -> Chain:
        """M-step, generalised: the expectation Q rises as far as some steps lead."""
        if not previous.transmat.any(axis=1).all():  # a start is made: there is no chain yet
            return self.tied(super().maximize(counts, previous))
        chain = previous
        for _ in range(STEPS):
            further = super().maximize(self._with_past(chain, counts), chain)
            step = self._uphill(chain, further.transmat - chain.transmat, counts)
            if step is None:
                break
            chain = step
        return chain

    def _uphill(self, chain: Chain, way: FloatArray, counts: FloatArray) -> Chain | None:
        """Return a chain along a way where Q is higher; None where it hardly can be."""
        here = self._expected(chain, counts)
        for halving in range(HALVINGS):
            try:
                there = self.tied(chain._replace(transmat=chain.transmat + way / 2**halving))
            except DegenerateError:
                continue
            if self._expected(there, counts) > here:
                return there
        return None

    def _expected(self, chain: Chain, counts: FloatArray) -> float:
        """Return Q, with the log of the prior."""
        table = self.table(*chain)
        counts = counts + np.where(self.free, self.pseudo_counts, 0.0)
        there = counts > 0
        with np.errstate(divide="ignore"):
            return float(counts[there] @ np.log(table[there]))

    def _with_past(self, chain: Chain, counts: FloatArray) -> FloatArray:
        """Return expected transitions with those of the past of sequences."""
        start, transmat = chain
        starts = np.divide(counts[0], start, out=np.zeros_like(start), where=start > 0)
        u = np.linalg.solve(np.eye(len(start)) - transmat + start, starts)
        past = transmat * start[:, np.newaxis] * (u - u.min())
        return self.table(np.zeros_like(start), counts[1:] + past)

    def from_vector(self, vector: FloatArray, like: Chain) -> Chain:
        """Undo :meth:`to_vector`; what is held or has no finite coordinate is as in like."""
        return self.tied(super().from_vector(vector, like))

    def gradient(self, params: Chain, counts: FloatArray) -> FloatArray:
        """Return the slope of the expected log-probability of starts and transitions."""
        return super().gradient(params, self._with_past(params, counts))
