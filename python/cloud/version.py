"""The version of this package; the same as the server's it was released with."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
