"""rotator keeps every credential of a company young, and nobody notices."""

__version__ = "0.1.0"
