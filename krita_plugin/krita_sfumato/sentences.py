"""Everything the docker says, in painter's words: what is the matter, and what to do next.

Another language takes these texts' places by their names (`language`), so each one is written out: a name holds one
text or a dict of texts, and where one is to be said under two names, the second is `Named`. Say them as
`sentences.NAME`, when they are said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping


class Named(Mapping[str, str]):
    """Texts that have names of their own, looked up each time: the language is chosen after this was read."""

    def __init__(self, **names: str) -> None:
        self._names = names

    def __getitem__(self, key: str) -> str:
        return str(globals()[self._names[key]])

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


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
NO_SUCH_MODEL = "This backend does not have the model “{model}”: choose another one."
NO_SUCH_EDIT = "This backend does not know the edit “{edit}”: choose another one."
NO_STRENGTH = "Strength is 0 %, so nothing would change: raise it."
QUEUE_FULL = "Enough is waiting already: let some of it be done, or cancel it."
NO_SELECTION = "Nothing is selected: select what may change, or choose a layer as the map."
SELECTION = "Selection"
PICK = "Done in {seconds:.1f} s: choose one of the results."
PERCENT = "{number:g} %"
RESULT_DAMAGED = "This result cannot be read any more: choose another one, or apply its settings again."
SETTINGS_COPIED = "The settings are those of this result now."
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
    "showing": "Showing the result …",
    "placing": "Adding the layer …",
    "pause_to_read": "Beginning as soon as you pause painting …",
    "pause_to_place": "Done: the layer comes as soon as you pause painting …",
    "lost": "Reaching the backend again; nothing is lost …",
}

DONE = "Done in {seconds:.1f} s: the change is a layer of its own."
MAP_IN_FRONT = " Hide “{name}” to see it without the map in front."
ELSEWHERE = " It is in “{name}”."
PAINTING = {"edit": "Painting", "map": "Looking"}
PAINTING_STEP = "{doing}: step {step} of {steps}"
NOTHING_CHANGED = (
    "Nothing changed: the map or the strength allows too little. Paint lighter greys or raise the strength."
)
CANCELLED = "Cancelled. Nothing was changed."
DOCUMENT_CLOSED = "“{name}” was closed meanwhile. What was made is kept: open a picture and press Place."
DOCUMENT_RESIZED = "“{name}” changed its size meanwhile. What was made is kept: press Place to add it anyway."
FOUND = "“{name}” was not done yet when Krita ended. Now it is: open its picture and press Place."
PLACED = "Placed: the change is a layer of its own."
MAP_PLACED = "Placed: the map is a new layer. Paint on it as you like, then press Apply."
WRONG_RESULT = "The backend gave a picture that does not fit. Nothing was changed; please report this."
MISHAP_KEPT = (
    "Something went wrong inside the plugin. What was made is kept: press Place to add it. Details are in “{log}”."
)
MISHAP = "Something went wrong inside the plugin; your picture is safe. Details are in “{log}”."
LAYER_NAME = "Sfumato"
MAP_NAME = "Change map"
FOUND_MAP_NAME = "Map: {words}"  # short: in a narrow docker only the beginning is seen


def ready(device: str) -> str:
    return READY.format(device=device_name(device))


def painting_step(task: str, step: int, steps: int) -> str:
    return PAINTING_STEP.format(doing=PAINTING[task], step=step, steps=steps)


def nothing(task: str) -> str:
    """What is said when nothing came of it."""
    return MAP_NOT_FOUND if task == "map" else NOTHING_CHANGED


def placed(task: str) -> str:
    return MAP_PLACED if task == "map" else PLACED


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
AVOID_SAID = "Avoid (some words)"
AVOID_WHAT = "What should not appear?"
TIP_AVOID_WHAT = "Describe what to keep out of the picture."

EDIT_LABEL = "Edit:"
TIP_EDIT = "The way in which the picture is changed"
CHOOSE_EDIT = "Choose an edit …"
CHOOSE_MODEL = "Choose a model …"
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

TIP_VARIANTS = "How many variants, each with a seed of its own, to choose from"
TIMES = "× "
AUTO = "Auto"
AUTO_IS = "Auto ({number})"
PAINTING_HOW = "Model and guidance"
TIP_PAINTING_HOW = "How the model follows your words, and by which steps"
GUIDANCE_LABEL = "Guidance:"
TIP_GUIDANCE = "How strictly the model follows your words; too much looks hard."
SCHEDULER_LABEL = "Scheduler:"
TIP_SCHEDULER = "By which steps the model paints; its own is a good choice."
OWN_SCHEDULER = "The model's own"
SELECTED = "What is selected"

TUNING = "Fine tuning"
TIP_TUNING = "What else can be set for this edit"
FINDING = "Finding a map"
TIP_FINDING = "What can be set for finding a map"
TUNED = "{title} ({count} changed)"
RESET = "Reset"
TIP_RESET = "Back to the values that the edit proposes"

APPLY = "Apply"
TIP_APPLY = "Paint the change as a new layer"
TIP_MORE_APPLY = "More ways to apply"
FAN = "Strength &fan"
TIP_FAN = "The same edit at several strengths side by side, to pick one"
APPLY_IN_PLACE = "Apply in &place of the last result"
TIP_APPLY_IN_PLACE = "The new layer takes the place of the last one that Sfumato added"
WITH_MASK = "Result with an editable &mask"
TIP_WITH_MASK = "The result's transparency becomes a mask on it that you can paint on."
TIP_NO_MASK = "This version of Krita cannot make such masks for a plugin; since 5.2 it can."
LIVE = "Live"
TIP_LIVE = "Paint the edit again whenever you pause, as a draft in this docker; one click makes it a layer"
KEEP_LIVE = "Add the draft as a layer"
TIP_KEEP_LIVE = "The draft becomes a layer of its own, as an edit's result does"
BEHIND = "{count} more"
JOINT = " · "
MAP_SEEN = "What will change"
TIP_MAP_SEEN = "The map over the picture, its greys, and how they count"
LIVE_WAITING = "Live: paint on the picture or the map, and the draft follows."
CANCEL = "Cancel"
TIP_CANCEL = "Stop what is going on; the picture stays as it is"
PLACE = "Place"
PLACE_NAMED = "Place “{name}”"
TIP_PLACE = "Add what is done to the picture that is open now"
TIP_PREVIEW = "How far the edit has come"
START = "Start"
TIP_START = "Start the painting backend"
BUTTON = Named(edit="APPLY", map="FIND_MAP")
STOP = "Stop"
TIP_STOP = "Stop the painting backend"

# ---------------------------------------------------------------------- results: the strip, its preview, and styles

RESULTS = "Results"
TIP_RESULTS = "What was made for this picture, the newest first. Click one to see it larger."
TILE_STATE = {"queued": "waiting", "painting": "painting"}
TILE_PERCENT = "{percent} %"
ABOUT_STEPS = "{steps} steps"
ABOUT_SEED = "seed {seed}"
ABOUT_JOINT = " · "
LARGE_PICTURE = "The result in the picture"
ADD_RESULT = "Add as layer"
TIP_ADD_RESULT = "Add this result to the picture as a new layer (Enter)"
REPLACE_RESULT = "Replace last"
TIP_REPLACE_RESULT = "Put this result in place of the layer that was added last"
COPY_SETTINGS = "Copy settings"
TIP_COPY_SETTINGS = "Set words, seed and all other controls as they were for this result"
FAVOURITE = "Favourite"
TIP_FAVOURITE = "Favourite: it stays when older results make room for new ones (F)"
IS_LAYER = "Is a layer"
DISCARD = "Discard"
TIP_DISCARD = "Take this result out of the strip (Delete). A layer made of it stays."
CLOSE_PREVIEW = "Close"
TIP_CLOSE_PREVIEW = "Close the large picture (Escape)"
CANCEL_THIS = "Cancel this one"
TIP_CANCEL_THIS = "Stop this one alone (Delete)"
DISCARDED = "Discarded."
UNDO_DISCARD = "Undo"
TIP_UNDO_DISCARD = "Bring the discarded result back"
RESULT_NOT_SAVED = "This result is too large to be saved with the picture: add it as a layer to keep it."

PRESETS = "Styles"
TIP_PRESETS = "Words and settings that you saved under a name"
NO_PRESETS = "No styles saved yet"
SAVE_PRESET = "Save as …"
SAVE_PRESET_TITLE = "Save the style"
PRESET_NAME = "Name of the style:"
IMPORT_PRESET = "Import …"
IMPORT_PRESET_TITLE = "Import a style"
EXPORT_PRESET = "Export"
EXPORT_PRESET_TITLE = "Export “{name}”"
REMOVE_PRESET = "Remove"
REMOVE_PRESET_ASK = "Remove the style “{name}”?"
REMOVE_PRESET_MORE = "Pictures and layers that were made with it stay as they are."
KEEP_PRESET = "Keep"
PRESET_FILES = "Styles (*.json)"
PRESET_NAMELESS = "Style"
PRESET_SAVED = "Saved as the style “{name}”."
PRESET_BAD_NAME = (
    '“{name}” cannot be the name of a style: use up to {most} letters, digits and spaces, without / \\ : * ? " < > |'
)
PRESET_NO_NAME = "Give the style a name."
PRESET_GONE = "The style “{name}” is not there any more, or its file is damaged."
PRESET_STRANGE = "“{file}” is no style of Sfumato."
PRESET_UNREADABLE = "“{file}” could not be read: {reason}."
PRESET_UNWRITABLE = "“{file}” could not be written: {reason}."
PRESET_TOO_MANY = "There are {most} styles already: remove one first."


AGO_DAYS = "{count} d ago"
AGO_HOURS = "{count} h ago"
AGO_MINUTES = "{count} min ago"
AGO_NOW = "just now"


def ago(seconds: float) -> str:
    """How long since something was made."""
    minutes = int(max(0.0, seconds) // 60)
    for size, text in ((24 * 60, AGO_DAYS), (60, AGO_HOURS), (1, AGO_MINUTES)):
        if minutes >= size:
            return text.format(count=minutes // size)
    return AGO_NOW


# ---------------------------------------------------------------------- names of what is added

MASK_NAME = "What shows"  # the mask on a result: black hides, white shows

# ---------------------------------------------------------------------- the bottom line, a backend elsewhere, time left

TIP_MORE = "More: a report to paste, the log, a backend on another computer"
LOADING = "Loading the model “{name}” …"
LOADING_ONE = "Loading the model …"
BUSY_ON = "At work on {device}."
BACKEND_WITHOUT_MODEL = "The backend is there, but has no model to paint with."
TIP_STATUS = "How the backend is that paints your changes"
COPY_DIAGNOSTICS = "Copy diagnostics"
TIP_COPY_DIAGNOSTICS = "Copies a text for a report: versions, settings and the end of the logs, without your words"
COPIED = "Copied: paste it into your report. Your words and pictures are not in it."
OPEN_LOG = "Open the log"
TIP_OPEN_LOG = "Shows the folder with the logs"
NO_LOG = "There is no log yet."
REMOTE_BACKEND = "Remote backend …"
TIP_REMOTE_BACKEND = "Paint with a backend that runs on another computer"
ABOUT = "About Sfumato"
ABOUT_TEXT = (
    "Sfumato {version}: paint how much each part of a picture may change.\n"
    "Free software under the Apache License 2.0. Your pictures stay on your computers."
)
CLOSE = "Close"
CONNECT = "Connect"
TIP_CONNECT = "Paint with the backend at this address"
DISCONNECT = "Disconnect"
TIP_DISCONNECT = "Leave the backend on the other computer; it goes on running there"
USE_LOCAL = "Use this computer"
TIP_USE_LOCAL = "Paint with the backend on this computer again"
ADDRESS_LABEL = "Address:"
ADDRESS = "192.168.1.5:17843"
TIP_ADDRESS = "Where the other computer's backend listens, as it says itself when it starts: address, colon, port"
TOKEN_LABEL = "Token:"
TOKEN = "The backend's secret"
TOKEN_KEPT = "As before"
TIP_TOKEN = (
    "The secret that was given to the backend there (SFUMATO_TOKEN). It is kept on this computer, for you alone."
)
UNENCRYPTED = "Pictures and token travel unencrypted: only in a network that you trust."

REACHING = "Reaching the backend at {address} …"
TIP_REACHING = "Nobody answers there yet. Is it running, and is “{address}” its address? See “…”, then Remote backend."
NOT_CONNECTED = "Not connected to the backend at {address}."
READY_AT = "Ready to paint on {device} at {address}."
REMOTE_REFUSES = "The backend at {address} refuses: check the token (“…”, then Remote backend)."
REMOTE_OTHER_NAME = (
    "The backend at {address} refuses to be called by this address: use the one that it says when it starts."
)
REMOTE_FULL = "The backend at {address} has too many visitors: close Krita on another computer, or wait."
REMOTE_NOT_SFUMATO = "What answers at {address} is not a Sfumato backend: check the address and its port."
REMOTE_UNREADABLE = (
    "The remote backend's address or token cannot be read any more: enter them again (“…”, then Remote backend), or "
    "press Use this computer there."
)
REMOTE_SILENT = "The backend at {address} answers, but cannot paint yet. Look at it on its own computer."
REMOTE_NOT_KEPT = "The address could not be written down: {reason}"
ADDRESS_EMPTY = "Write the address of the backend, for example 192.168.1.5:17843."
ADDRESS_WITHOUT_PORT = "The address needs a port, for example {example}."
ADDRESS_WRONG_PORT = "“{port}” is not a port: it is a number from 1 to 65535, for example 17843."
ADDRESS_WRONG = "“{address}” is not an address: write it like 192.168.1.5:17843 or [::1]:17843."
ADDRESS_EVERYWHERE = "“{host}” stands for every computer: write the address of the one that the backend runs on."
ADDRESS_NOT_WS = "Only addresses that begin with ws:// or with the computer's name can be used, no {scheme}://."
TOKEN_EMPTY = "Write the backend's token, too: it lets in only those who know it."
TOKEN_WRONG = "A token has only letters, digits and signs, and no spaces: copy it once more."

UNNAMED = "The picture"  # one without a name

LEFT_FEW = "a few seconds left"
LEFT_SECONDS = "about {count} s left"
LEFT_MINUTES = "about {count} min left"
LEFT_HALF = "about {count}½ min left"


def device_name(device: str) -> str:
    return DEVICES.get(device.partition(":")[0], device)


def ready_at(device: str, address: str) -> str:
    return READY_AT.format(device=device_name(device), address=address)


def time_left(seconds: int) -> str:
    """seconds: a value that `pace` gives."""
    if seconds < 10:
        return LEFT_FEW
    if seconds < 60:
        return LEFT_SECONDS.format(count=seconds)
    return (LEFT_HALF if seconds % 60 else LEFT_MINUTES).format(count=seconds // 60)


# ---------------------------------------------------------------------- maps made of what is there already

STAGES["making"] = "Making the map …"
NONE_SELECTED = "Nothing is selected: select a part of the picture first, softly if you like, then choose this again."
SOURCE_GONE = "The layer to make a map of is not there any more: choose another one."
SOURCE_EMPTY = "There is nothing on “{name}” to make a map of: choose another layer."
ONLY_BLACK = (
    "A map of the {what} of “{name}” would be black everywhere, so nothing could change: choose another way or another "
    "layer."
)
FALLOFF_TOO_WIDE = "“{name}” is too narrow for a falloff that wide: choose a smaller one."
FALLOFF_EVERYWHERE = "“{name}” covers the whole picture, so it has no edge: choose a layer with a shape of its own."
MAP_MADE = "The new layer is the map now. Paint on it as you like, then press Apply."

BRIGHTNESS = {
    "straight": "brightness",
    "lights": "lights",
    "midtones": "midtones",
    "darks": "darks",
    "contrast": "contrast",
    "inverted": "inverted brightness",
}
MADE_FROM_SELECTION = "Map: selection"
MADE_OF = "Map: {what} of {name}"
MADE_AROUND = "Map: around {name}"
MADE_INSIDE = "Map: inside {name}"

MAP_MENU_EMPTY = "&New empty map"
MAP_MENU_SELECTION = "From the &selection"
MAP_MENU_AROUND = "Soft falloff &around {layer}"
MAP_MENU_INSIDE = "Soft falloff &inside {layer}"
MAP_MENU_BRIGHTNESS = "From the &brightness of {layer}"
MAP_MENU_LAYER = "“{name}”"
MAP_MENU_ANY_LAYER = "a layer"
MAP_MENU_RADIUS = "{radius} px"
MAP_MENU_PRESETS = {
    "straight": "&As it is",
    "lights": "&Lights",
    "midtones": "&Midtones",
    "darks": "&Darks",
    "contrast": "More &contrast",
    "inverted": "&Inverted",
}
TIP_MAP_MENU_SELECTION = "What is selected may change, as much as it is selected."
TIP_MAP_MENU_AROUND = "What is on the layer may change fully; around it less and less, up to this distance."
TIP_MAP_MENU_INSIDE = "What is well inside the layer's shape may change fully; towards its edge less and less."
TIP_MAP_MENU_PRESETS = {
    "straight": "The lighter, the more may change.",
    "lights": "Only what is lighter than middle grey may change.",
    "midtones": "What is neither light nor dark may change.",
    "darks": "Only what is darker than middle grey may change.",
    "contrast": "The lighter, the more may change, with a clearer difference between light and dark.",
    "inverted": "The darker, the more may change.",
}
TIP_MAP_MENU_NO_LAYER = "Choose the layer in Krita's list of layers first."


def made_of(name: str, layer: str) -> str:
    """The name of a map made of a layer. name: with a place for the layer's."""
    return name.format(name=short(layer, 32))


def brightness_of(preset: str, layer: str) -> str:
    """The name of a map made of a layer's brightness."""
    return MADE_OF.format(what=BRIGHTNESS[preset], name=short(layer, 32))


def short(text: str, length: int) -> str:
    """In one line, and cut where it is longer."""
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


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


ONE_OF_THEM = "1 strength"
SOME_OF_THEM = "{count} strengths"


def count_of_strengths(count: int) -> str:
    return ONE_OF_THEM if count == 1 else SOME_OF_THEM.format(count=count)


def in_steps(steps: int) -> str:
    return STEPS_ARE.get(steps, f"{steps} steps")
