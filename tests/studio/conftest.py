"""No test looks at the models of whoever runs it, nor at what their memory sufficed for."""

from models.conftest import _own_folders

__all__ = ["_own_folders"]
