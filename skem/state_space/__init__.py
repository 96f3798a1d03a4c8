"""Linear-Gaussian state-space models: Kalman filter, smoother, and EM.

The model of a sequence y_1, ..., y_T of p outputs with n hidden states is::

    x_1 ~ N(m, P)
    x_t = A x_(t-1) + w_t    w_t ~ N(0, Q)
    y_t = C x_t + d + v_t    v_t ~ N(0, R)

Long sequences without missing cells are smoothed with gains that settle (:mod:`.settled`), all
others side by side, one scalar observation at a time (:mod:`.scalar`). :mod:`.expectation` puts
both together into what EM expects, :mod:`.maximization` into new parameters; :mod:`.model` is the
model that :mod:`skem.em` drives.
"""
