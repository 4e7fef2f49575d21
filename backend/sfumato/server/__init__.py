"""The socket server: who may come in, the queue, and results kept until their client has them.

It never imports torch: the painting happens in a worker process that may die without taking a socket with it.
"""

from .main import serve

__all__ = ["serve"]
