"""How Sphinx builds the documentation: python -m sphinx docs docs/_build/html."""

import inspect
import warnings

from numpydoc.docscrape import NumpyDocString
from sklearn.base import BaseEstimator
from sklearn.mixture import GaussianMixture

import skem

project = "skem"
author = "the skem developers"
copyright = author
version = release = skem.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "auto_examples/*.ipynb", "auto_examples/*.py", "gallery"]
nitpicky = True  # a name that leads nowhere is an error in CI

# Pages

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
html_theme = "pydata_sphinx_theme"
html_title = "skem"
html_logo = html_favicon = "_static/logo.svg"
html_context = {"default_mode": "auto"}
toc_object_entries_show_parents = "hide"
html_static_path = ["_static"]
html_css_files = ["skem.css"]
html_show_sourcelink = False
html_sidebars = {
    name: [] for name in ("guide/getting_started", "changelog", "performance", "measurements")
}
html_theme_options = {
    "logo": {"text": "skem", "alt_text": "skem"},
    "navbar_align": "left",
    "show_prev_next": True,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
}

# The API

templates_path = ["_templates"]
autodoc_typehints = "none"
autosummary_generate = True
numpydoc_show_class_members = False
# Names in other people's documentation, written down here so that a build needs no network.
intersphinx_mapping = {
    "scikit-learn": ("https://scikit-learn.org/stable/", "inventories/scikit-learn.txt"),
    "matplotlib": ("https://matplotlib.org/stable/", "inventories/matplotlib.txt"),
    "scipy": ("https://docs.scipy.org/doc/scipy/", "inventories/scipy.txt"),
}

# The gallery

# A page would show the warning, with paths of the machine that built it: let the example fail.
for category in (UserWarning, RuntimeWarning):
    warnings.filterwarnings("error", category=category)

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_examples",
    "subsection_order": [
        f"gallery/{name}"
        for name in ("em", "gaussian", "binomial", "chains", "state_space", "own_model", "tools")
    ],
    "within_subsection_order": "FileNameSortKey",
    "filename_pattern": r"/plot_",
    "abort_on_example_error": True,
    "doc_module": ("skem",),
    "backreferences_dir": "api/generated/backreferences",
    "image_srcset": ["2x"],
    "min_reported_time": 60,
    "write_computation_times": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "plot_gallery": "True",
}


def _skip_inherited(app, what, name, obj, skip, options):
    """Leave out what an estimator inherits from scikit-learn, which documents it."""
    module = getattr(obj, "__module__", None) or ""
    return True if module.startswith("sklearn.") else skip


def _say_what_is_added(app, what, name, obj, options, lines):
    """Put what an estimator adds to GaussianMixture's interface before its parameters."""
    if what != "class" or not issubclass(obj, BaseEstimator):
        return
    methods = [
        f":meth:`~{name}.{method}`"
        for method, value in inspect.getmembers(obj, callable)
        if not method.startswith("_") and value.__module__.startswith("skem.")
        if not hasattr(GaussianMixture, method)
    ]
    added = {
        "methods": methods,
        "arguments of fit": _new(_parameters_of(obj.fit), _parameters_of(GaussianMixture.fit)),
        "parameters": _new(_parameters_of(obj), _parameters_of(GaussianMixture)),
        "attributes": _new(_attributes_of(obj), _attributes_of(GaussianMixture)),
    }
    items = [f"- {kind}: {', '.join(names)}" for kind, names in added.items() if names]
    heading = "What it adds to the interface of :class:`sklearn.mixture.GaussianMixture`:"
    place = lines.index("Parameters")
    lines[place:place] = [heading, "", *items, ""]


def _new(names, known):
    return [f"``{name}``" for name in names if name not in known]


def _parameters_of(function):
    return list(inspect.signature(function).parameters)


def _attributes_of(cls):
    entries = NumpyDocString(inspect.getdoc(cls))["Attributes"]
    return [name.strip() for entry in entries for name in entry.name.split(",")]


def _link_to_benchmarks(app, docname, source):
    """Let links to the README of the benchmarks lead to the page that includes it."""
    source[0] = source[0].replace("(../benchmarks/README.md)", "(benchmarks.md)")


def setup(app):
    app.connect("source-read", _link_to_benchmarks)
    app.connect("autodoc-skip-member", _skip_inherited)
    app.connect("autodoc-process-docstring", _say_what_is_added, priority=400)  # before numpydoc
