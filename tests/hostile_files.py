"""Hostile files and cells."""

from hostile import Kind

KINDS: dict[str, Kind] = {}
