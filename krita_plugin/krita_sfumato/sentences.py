"""Everything the docker says, in painter's words: what is the matter, and what to do next."""

from __future__ import annotations

NO_DOCUMENT = "Open or create a picture first."
NO_MAP = (
    "Choose the layer that says how much may change, or press + for a new one and paint white where the picture "
    "should change."
)
OR_FIND = " Or press Find to have a map found."
MAP_GONE = "The change map's layer is not there any more: choose another one."
MAP_EMPTY = "Nothing is painted on “{name}” yet. Paint white (full change) or grey (some) where the picture may change."
MAP_BLACK = "“{name}” is black everywhere, so nothing may change. Paint white or grey where the picture may change."
MAP_NEW = "Paint white on the new layer where the picture may change; grey changes less."
MAP_FOUND = (
    "Found in {seconds:.1f} s: the white parts of the new layer differ from your words. Paint on it as you like, then "
    "press Apply."
)
MAP_NOT_FOUND = "No map was found: the picture seems to show your words already. Say more clearly what should appear."
NO_WORDS = "Write what should appear: the map shows where the picture differs from it."
NO_FINDER = "This backend has no edit that finds maps. Press + and paint one yourself."
NO_SUCH_EDIT = "This backend does not know the edit “{edit}”: choose another one."
NO_STRENGTH = "Strength is 0 %, so nothing would change: raise it."
BUSY = "Something is being painted or looked for already: wait for it or press Cancel."
PLACE_LATER = "You are painting just now: pause, then press Place again."

NOT_INSTALLED = "Sfumato's backend is not set up on this computer: run “python3 -m installer install” once."
DID_NOT_START = "The backend did not start: {reason}"
SILENT = "The backend does not answer. Its log is in “{folder}”. Press Stop, then Start."
REFUSED = "A backend is running but refuses this plugin: press Stop, then Start."
NOT_OURS = (
    "This backend was not started by Krita and does not let it in: end it where it was started, then press Start."
)
STOPPED_IN_EDIT = (
    "The backend stopped in the middle of its work. Your picture is untouched. Press Start: the work begins again."
)
STOPPED_BEFORE = "The backend stopped before it began. Your picture is untouched. Press {button} again."
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
    "fitting": "The memory was not enough: beginning again in a way that needs less …",
    "placing": "Adding the layer …",
    "pause_to_read": "Beginning as soon as you pause painting …",
    "pause_to_place": "Done: the layer comes as soon as you pause painting …",
    "lost": "Reaching the backend again; nothing is lost …",
}

DONE = "Done in {seconds:.1f} s: the change is a layer of its own."
MAP_IN_FRONT = " Hide “{name}” to see it without the map in front."
ELSEWHERE = " It is in “{name}”."
PAINTING = {"edit": STAGES["painting"], "map": "Looking"}
NOTHING_CHANGED = (
    "Nothing changed: the map or the strength allows too little. Paint lighter greys or raise the strength."
)
NOTHING = {"edit": NOTHING_CHANGED, "map": MAP_NOT_FOUND}
CANCELLED = "Cancelled. Nothing was changed."
DOCUMENT_CLOSED = "“{name}” was closed meanwhile. What was made is kept: open a picture and press Place."
DOCUMENT_RESIZED = "“{name}” changed its size meanwhile. What was made is kept: press Place to add it anyway."
FOUND = "“{name}” was not done yet when Krita ended. Now it is: open its picture and press Place."
PLACED = {
    "edit": "Placed: the change is a layer of its own.",
    "map": "Placed: the map is a new layer. Paint on it as you like, then press Apply.",
}
WRONG_RESULT = "The backend gave a picture that does not fit. Nothing was changed; please report this."
MISHAP_KEPT = (
    "Something went wrong inside the plugin. What was made is kept: press Place to add it. Details are in “{log}”."
)
MISHAP = "Something went wrong inside the plugin; your picture is safe. Details are in “{log}”."
LAYER_NAME = "Sfumato"
MAP_NAME = "Change map"
FOUND_MAP_NAME = "Map: {words}"  # short: in a narrow docker only the beginning is seen


def ready(device: str) -> str:
    return READY.format(device=DEVICES.get(device.partition(":")[0], device))


def stopped_before(task: str) -> str:
    return STOPPED_BEFORE.format(button=BUTTON[task])


def layer_name(prompt: str, task: str = "edit") -> str:
    """The result's name in the layer docker: the prompt's first words."""
    words = " ".join(prompt.split())
    if len(words) > 48:
        words = words[:48].rsplit(" ", 1)[0] + " …"
    if task == "map":
        return FOUND_MAP_NAME.format(words=words) if words else MAP_NAME
    return words or LAYER_NAME


# ---------------------------------------------------------------------- labels and tooltips

PROMPT = "What should appear?"
TIP_PROMPT = "Describe what the painted parts of the picture should become, for example “snow on the hills”."
SOURCE_LABEL = "What the picture shows:"
SOURCE = "For example “a meadow in summer”"
TIP_SOURCE = (
    "Describe what is there now, for example “a meadow in summer”. Find, and edits that look for differences, compare "
    "it with what should appear."
)
AVOID = "Avoid"
TIP_AVOID = "Also say what should not appear"
AVOID_WHAT = "What should not appear?"
TIP_AVOID_WHAT = "Describe what to keep out of the picture."

EDIT_LABEL = "Edit:"
TIP_EDIT = "The way in which the picture is changed"
CHOOSE_EDIT = "Choose an edit …"
EDITS_UNKNOWN = "Press Start to choose"
MAP_LABEL = "Map:"
TIP_MAP = (
    "The layer that says how much each part may change: white fully, black not at all, grey in between.\n"
    "It may be hidden; it is never part of the picture."
)
CHOOSE_LAYER = "Choose a layer …"
NO_PICTURE = "No picture is open"
TIP_NEW_MAP = "New change map: adds an empty layer. Paint white on it where the picture may change."
FIND_MAP = "Find"
TIP_FIND_MAP = (
    "Find map: looks where the picture differs from your words\nand adds that as a new grey layer, to be painted on."
)
CHANNEL_LABEL = "Read as:"
CHANNEL_LUMINANCE = "Brightness"
CHANNEL_ALPHA = "Opacity"
TIP_CHANNEL = "Brightness: white changes, black and transparent keep.\nOpacity: what is painted changes, in any colour."
INVERT = "Invert"
TIP_INVERT = "For maps that show what to keep in white"
STRENGTH_LABEL = "Strength:"
TIP_STRENGTH = "How much the whitest parts may change; greys follow in proportion."
STEPS_LABEL = "Steps:"
TIP_STEPS = "More steps take longer and tell more greys apart."
SEED_LABEL = "Seed:"
TIP_SEED = "The same seed and settings give the same result."
TIP_DICE = "A new seed for every edit: each try looks different"
MODEL_LABEL = "Model:"
TIP_MODEL = "What paints the change"

TUNING = "Fine tuning"
TIP_TUNING = "What else can be set for this edit"
FINDING = "Finding a map"
TIP_FINDING = "What can be set for finding a map"
TUNED = "{title} ({count} changed)"
RESET = "Reset"
TIP_RESET = "Back to the values that the edit proposes"

APPLY = "Apply"
TIP_APPLY = "Paint the change as a new layer"
CANCEL = "Cancel"
TIP_CANCEL = "Stop what is going on; the picture stays as it is"
PLACE = "Place"
PLACE_NAMED = "Place “{name}”"
TIP_PLACE = "Add what is done to the picture that is open now"
TIP_PREVIEW = "How far the edit has come"
START = "Start"
TIP_START = "Start the painting backend"
BUTTON = {"edit": APPLY, "map": FIND_MAP}
STOP = "Stop"
TIP_STOP = "Stop the painting backend"

# ---------------------------------------------------------------------- the map's preview

HEAT_NO_PICTURE = "Open a picture to see its map here."
TIP_HEAT = "Where the picture may change, and how much: violet a little, yellow fully. Without colour it stays."
TIP_HISTOGRAM = (
    "How much of each grey the map has, black on the left. Drag the three marks below it, or use the arrow keys."
)
TIP_BLACK = "Black point: this grey and all that is darker keep the picture"
TIP_GAMMA = "Midtones: above 1 the greys change more, below 1 less"
TIP_WHITE = "White point: this grey and all that is lighter change fully"
LEVELS_LABEL = "Levels:"
SOFTEN_LABEL = "Soften:"
TIP_SOFTEN = "Blurs the map's edges by so many pixels, only for the edit: your layer stays as it is"
TIP_LEVELS_RESET = "Back to the greys as painted, nothing softened"
ON_CANVAS = "On canvas"
TIP_ON_CANVAS = "Shows the colours over the canvas too. Only to look at: it is no layer, and never saved."
NOT_ON_CANVAS = "This Krita cannot show the colours over the canvas: it needs Krita 5.2 or newer."

STRENGTHS = "{count} strengths at {steps}"
ONE_STRENGTH = "One strength: all that is painted changes alike"
FEW_STRENGTHS = "Only {strengths} at {steps}: soft edges will show bands. {advice}"
STEPS_ARE = {1: "1 step"}
MORE_STEPS = "Use more steps."
MORE_OR_FRACTIONAL = "Use more steps or Release: fractional."
ALL_KEEPS = "Nothing will change: the map is black or empty, or the levels leave nothing of it."


def in_steps(steps: int) -> str:
    return STEPS_ARE.get(steps, f"{steps} steps")
