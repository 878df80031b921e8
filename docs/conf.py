"""Sphinx's configuration. `nox -s docs` builds the documentation, with what `.readthedocs.yaml` installs."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import mathjax  # noqa: E402  (this folder is where it is)
import pages  # noqa: E402
import repository  # noqa: E402

import fastlayers  # noqa: E402

project = "fastlayers"
author = "The fastlayers developers"
copyright = author  # noqa: A001  (Sphinx's name for it)
version = release = fastlayers.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_nb",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "reference/generated/activations.rst", "gallery/*.ipynb", "gallery/*.py", "gallery/*.md5"]

# Every page that computes is computed anew; one that fails, fails the build.
nb_execution_mode = "force"
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_mime_priority_overrides = [("html", "image/svg+xml", 0)]
myst_enable_extensions = ["colon_fence", "dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3

# The reference: numpydoc renders, and refuses what is not documented in its form.
autosummary_generate = pages.files_with_tables()
autodoc_typehints = "none"  # the docstrings say more than the annotations
numpydoc_show_class_members = False  # the classes' pages list their methods themselves
numpydoc_validation_checks = {
    "all",
    "ES01",  # an extended summary: the notes have the formula
    "EX01",  # examples: the functions have some, and the tests ask for them
    "SA01",  # what to see also
    "GL01",  # the summary begins on the line of the quotes, as everywhere in this package
    "SS05",  # it takes "Gradients of" for a verb
    "YD01",  # a context manager yields nothing
    "RT02",  # a result has its name, also where there is but one
    # The names of the field stay in lower case, at the beginning of a sentence too.
    "SS02",
    "PR08",
    "RT04",
    "SA03",
}
numpydoc_validation_exclude = {
    # One line each: what they take and give is described by the functions behind them, or by their class.
    r"\.(forward|backward|predict|update|on_\w+)$",
    # As the one that they name, or Sequential's of that name.
    r"\.DataParallel\.(loss|accuracy|save|train_step|fit)$",
    r"\.Word2Vec\.(save|load)$",
    r"\.(he_uniform|xavier_normal|xavier_uniform)$",
    # A tuple's own.
    r"\.Corpus\.(count|index|ids|words)$",
    # A protocol's constructor takes anything, and is not called.
    r"\.Layer$",
}
doctest_global_setup = pages.imports()

WIDE = [
    f"tutorial/{page}"
    for page in (
        *("activations", "affine", "softmax", "convolution", "pooling", "batch_normalization", "optimizers"),
        *("embedding", "recurrent", "lstm", "attention"),
    )
]
html_theme = "pydata_sphinx_theme"
html_title = f"fastlayers {version}"
html_static_path = ["_static", str(mathjax.folder())]
html_favicon = "_static/icon.svg"
html_context = {"default_mode": "auto"}
html_css_files = ["fastlayers.css"]
html_show_sourcelink = False
html_use_index = False  # the reference is one
html_domain_indices = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "fastlayers"},
    "navbar_align": "left",
    "navbar_persistent": ["search-button"],
    # The pages with two implementations side by side need the whole width.
    "secondary_sidebar_items": {"**": ["page-toc"], **{page: [] for page in WIDE}},
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "footer_start": ["copyright"],
    "footer_end": [],
    "icon_links": repository.icon_links(os.environ),
}
mathjax_path = mathjax.FILE  # served with the pages: formulas show without the internet

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": "/plot_",
    "within_subsection_order": "pages.pictures_first",
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "abort_on_example_error": True,
    "min_reported_time": 1e9,
    "write_computation_times": False,
}


def setup(app):
    pages.setup(app)
