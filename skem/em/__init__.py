"""The EM algorithm: one loop that serves every model.

The driver (:mod:`.driver`) evaluates a model at its parameters, takes the parameters that come
back, and does it again until nothing is left to gain; the accelerator (:mod:`.acceleration`)
looks further ahead. :mod:`.restarts` runs the driver from many starts.
"""
