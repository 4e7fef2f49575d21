"""Sfumato: image editing where every pixel has its own strength."""

__version__ = "0.1.0"
