"""What a Markov chain of hidden states expects of sequences, given log-densities by state and row.

Rows are cut into lanes (:mod:`.lanes`), which numpy passes over side by side: :mod:`.forward`,
:mod:`.backward`, and both in :mod:`.forward_backward`. Where probabilities would leave the range
of floating-point numbers, :mod:`.log_space` takes over. :mod:`.viterbi` finds the likeliest path,
:mod:`.markov` what follows from the transition matrix alone.
"""
