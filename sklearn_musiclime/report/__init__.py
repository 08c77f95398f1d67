"""Explanations to look at."""
