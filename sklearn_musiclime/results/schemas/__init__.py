"""JSON schemas of the files that explanations are saved to, for programs that are not Python.

``local.json`` describes what :meth:`LocalExplanation.save
<sklearn_musiclime.LocalExplanation.save>` writes, ``global.json`` what
:meth:`GlobalExplanation.save <sklearn_musiclime.GlobalExplanation.save>` writes, both in JSON
Schema 2020-12:

>>> import json
>>> from importlib.resources import files
>>> schema = json.loads((files("sklearn_musiclime.results.schemas") / "local.json").read_text())
>>> schema["title"], schema["properties"]["weights"]["description"]
('LocalExplanation', 'Weights, a row a label, a number a component.')

They hold for the present version of the format; files of earlier versions are read as well, and
lack some entries (see :mod:`sklearn_musiclime.results.documents`). Numbers that are unknown are
NaN, which Python's json writes and reads, and other parsers may have to be told to. What a schema
can't say is checked when a file is loaded: that lengths agree, that labels are those of the scores,
that the arrays beside the file are its own.
"""
