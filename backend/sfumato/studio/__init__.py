"""One request -> one layer. The worker and the command line both come here."""

from sfumato.studio.job import Finished, Progressed
from sfumato.studio.studio import Studio

__all__ = ["Finished", "Progressed", "Studio"]
