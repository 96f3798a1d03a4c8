"""A mixture as a model for EM: hidden labels, components, and rows of data joined.

Each block of rows becomes a log-joint, that becomes responsibilities (:mod:`.posterior`), those
become expected statistics (:mod:`.sweep`), and these new parameters (:mod:`.model`).
:mod:`.starts` says where EM begins.
"""
