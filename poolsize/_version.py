"""The version, for whoever would import the whole package in a circle; pyproject.toml reads it here."""

__version__ = "0.1.0"
