"""One request -> one layer. The worker and the command line both come here."""

from sfumato.studio.studio import Finished, Progressed, Studio

__all__ = ["Finished", "Progressed", "Studio"]
