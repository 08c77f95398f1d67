"""Progress bars: those of notebooks in notebooks, text elsewhere."""

import warnings

with warnings.catch_warnings():
    # Without ipywidgets the bar is text, in notebooks too; that needs no warning.
    warnings.simplefilter("ignore")
    from tqdm.auto import tqdm

__all__ = ["tqdm"]
