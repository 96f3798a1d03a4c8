"""The EM algorithm, for any family of distributions.

Data flows one way: rows are read in blocks (:mod:`.rows`, :mod:`.blocks`), each block's
log-joint becomes responsibilities (:mod:`.posterior`), those become totals (:mod:`.sweep`), the
totals new parameters (:mod:`.problem`), and the driver (:mod:`.driver`) does it again until
nothing is left to gain. :mod:`.restarts` runs the driver from many starts.
"""
