"""maillage: the platform that runs a CPTS."""

__version__ = "0.1.0"
