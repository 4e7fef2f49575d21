"""Everything the docker says, in painter's words: what is the matter, and what to do next."""

from __future__ import annotations

NO_DOCUMENT = "Open or create a picture first."
NO_MAP = (
    "Choose the layer that says how much may change, or press + for a new one and paint white where the picture "
    "should change."
)
MAP_GONE = "The change map's layer is not there any more: choose another one."
MAP_EMPTY = "Nothing is painted on “{name}” yet. Paint white (full change) or grey (some) where the picture may change."
MAP_BLACK = "“{name}” is black everywhere, so nothing may change. Paint white or grey where the picture may change."
MAP_NEW = "Paint white on the new layer where the picture may change; grey changes less."
NO_STRENGTH = "Strength is 0 %, so nothing would change: raise it."
BUSY = "One edit is being painted already: wait for it or press Cancel."

NOT_INSTALLED = "Sfumato's backend is not set up on this computer: run “python3 -m installer install” once."
DID_NOT_START = "The backend did not start: {reason}"
SILENT = "The backend does not answer. Its log is in “{folder}”. Press Stop, then Start."
REFUSED = "A backend is running but refuses this plugin: press Stop, then Start."
NOT_OURS = (
    "This backend was not started by Krita and does not let it in: end it where it was started, then press Start."
)
STOPPED_IN_EDIT = (
    "The backend stopped in the middle of the edit. Your picture is untouched. Press Start: the edit begins again."
)
STOPPED_BEFORE = "The backend stopped before the edit was begun. Your picture is untouched. Press Apply again."
NO_MODEL = "The backend has no model to paint with. Its log says why."

LINK = {
    "absent": "The backend is not running.",
    "starting": "The backend is starting …",
    "lost": "Reaching the backend again …",
    "refused": "The backend refuses this plugin.",
    "ready": "Ready.",
    "down": "The backend has stopped painting.",
}
READY = "Ready to paint on {device}."
DEVICES = {"cpu": "the processor", "cuda": "the graphics card", "mps": "the graphics chip"}

STAGES = {
    "waiting": "Waiting for the backend …",
    "reading": "Reading the picture …",
    "sending": "Sending …",
    "queued": "In the queue …",
    "loading": "Loading the model …",
    "preparing": "Preparing …",
    "painting": "Painting",
    "finishing": "Finishing …",
    "placing": "Adding the layer …",
    "pause_to_read": "Beginning as soon as you pause painting …",
    "pause_to_place": "Done: the layer comes as soon as you pause painting …",
    "lost": "Reaching the backend again; the edit is not lost …",
}

DONE = "Done in {seconds:.1f} s: the change is a layer of its own."
MAP_IN_FRONT = " Hide “{name}” to see it without the map in front."
NOTHING_CHANGED = (
    "Nothing changed: the map or the strength allows too little. Paint lighter greys or raise the strength."
)
CANCELLED = "Cancelled. Nothing was changed."
DOCUMENT_CLOSED = "“{name}” was closed before the edit was done. It is kept: open a picture and press Place."
DOCUMENT_RESIZED = "“{name}” changed its size while the edit was painted. It is kept: press Place to add it anyway."
FOUND = "“{name}” was still being painted when Krita ended. It is done: open its picture and press Place."
PLACED = "Placed: the change is a layer of its own."
WRONG_RESULT = "The backend gave a picture that does not fit. Nothing was changed; please report this."
MISHAP = "Something went wrong inside the plugin; your picture is safe. Details are in “{log}”."
LAYER_NAME = "Sfumato"
MAP_NAME = "Change map"


def layer_name(prompt: str) -> str:
    """The result's name in the layer docker: the prompt's first words."""
    words = " ".join(prompt.split())
    if len(words) > 48:
        words = words[:48].rsplit(" ", 1)[0] + " …"
    return words or LAYER_NAME
