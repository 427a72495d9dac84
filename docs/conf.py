"""The docs as a site: `make docs` builds it and takes each warning for an error."""

from monai_rescunet import __version__

project = "monai_rescunet"
author = "The monai_rescunet developers"
project_copyright = f"{author}. Research software, not a medical device"
release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
# the toctree of index.md has places for pages that may not be there; a page without a place is an error
suppress_warnings = ["toc.empty_glob"]
nitpicky = False

autoclass_content = "class"
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
default_role = "code"  # single backquotes in docstrings
maximum_signature_line_length = 80
napoleon_use_ivar = True
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

myst_heading_anchors = 3

html_theme = "furo"
html_title = "monai_rescunet"
html_copy_source = False
html_show_sphinx = False
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True
