"""The docs as a site: `make docs` builds it and takes each warning for an error."""

from typing import Any

from monai_rescunet import __version__

project = "monai_rescunet"
author = "The monai_rescunet developers"
project_copyright = f"{author}. Research software, not a medical device"
release = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
nitpicky = False

autoclass_content = "class"
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
default_role = "code"  # single backquotes in docstrings
maximum_signature_line_length = 80
napoleon_use_ivar = True
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

myst_heading_anchors = 3
nb_execution_mode = "off"  # the tests run the notebook; `make pictures` keeps what it answers

html_theme = "furo"
html_title = "monai_rescunet"
html_copy_source = False
html_show_sphinx = False
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True


def readable_defaults(
    app: Any, what: str, name: str, documented: Any, options: Any, signature: str, returns: str
) -> Any:
    """Write a dataclass's `<factory>` as `...`: Sphinx parses no signature that has the former."""
    return signature and signature.replace("<factory>", "..."), returns


def setup(app: Any) -> None:
    """Register what Sphinx calls."""
    app.connect("autodoc-process-signature", readable_defaults)
