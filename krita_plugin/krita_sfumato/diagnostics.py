"""A text to paste into a report: what was running, how it stood, and the end of the logs.

Not in it: the painter's words, names of layers and pictures, tokens, and where this computer's home folder is. Reads
the ends of a few files, so it is best called off the UI thread.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .remote import TOKEN as REMOTE_TOKEN
from .vendor.sfumato_wire import Welcome
from .vendor.sfumato_wire.rendezvous import TOKEN

LOGS = ("krita-plugin.log", "server.log", "worker.log", "backend-start.log")
MOST_BYTES = 8192  # of the end of each log
MOST_LINES = 60
LONGEST_LINE = 300
MOST_SENTENCES = 12
SHORTEST = 4  # letters; shorter words of the painter are everywhere
NAMES = ("edit", "model", "task", "link", "scheduler", "vae")  # settings that are ids, not words
QUOTED = re.compile(r"[“„][^“”„]*[“”]")  # layers, pictures, prompts
BEARER = re.compile(r"(?i)(bearer\s+|token[\"']?\s*[:=]\s*[\"']?)[!-~]{6,}")


@dataclass(frozen=True)
class Facts:
    """system: the computer's, as Qt calls it; link and standing: the state and how it was worded; is_remote: the
    backend runs elsewhere; said: the docker's last sentences, the newest last; settings: the docker's (a dataclass or a
    mapping)."""

    plugin: str
    krita: str
    qt: str
    system: str
    link: str
    standing: str
    is_remote: bool = False
    language: str = "en"
    welcome: Welcome | None = None
    said: Sequence[str] = ()
    settings: Any = None


def report(facts: Facts, logs: Path, home: str, secrets: Sequence[str] = ()) -> str:
    """home: the user's folder, which becomes ~; secrets: the tokens, should one ever have come anywhere."""
    settings = _fields(facts.settings)
    lines = [
        f"Sfumato {facts.plugin} in Krita {facts.krita}",
        f"Python {sys.version.split()[0]}, Qt {facts.qt}, {facts.system} ({sys.platform}), language {facts.language}",
        f"Backend on {'another computer' if facts.is_remote else 'this computer'}: {facts.link}: {facts.standing}",
        *_backend(facts.welcome),
        "",
        "Settings:",
        *(f"  {name}: {shown}" for name, value in settings.items() if (shown := _shown(name, value)) != ""),
        "",
        "Said last:",
        *(f"  {QUOTED.sub('“…”', sentence)}" for sentence in list(facts.said)[-MOST_SENTENCES:]),
    ]
    for name in LOGS:
        tail = _tail(logs / name)
        lines += ["", f"{name}:", *(f"  {line}" for line in tail or ["(none)"])]
    hidden = [*secrets, *_words(settings)]
    return _without(_scrubbed("\n".join(lines), hidden), home) + "\n"


def tokens(home: Path) -> list[str]:
    """The secrets in the state folder, none of which may be in a report. Reads files."""
    found = []
    for name in (TOKEN, REMOTE_TOKEN):
        with contextlib.suppress(OSError, ValueError):
            found.append((home / name).read_text(encoding="utf-8").strip())
    return found


def _backend(welcome: Welcome | None) -> list[str]:
    if welcome is None:
        return ["It has not said what it can do."]
    return [
        f"{welcome.software}, protocol {welcome.protocol}, on {welcome.device}: "
        f"{len(welcome.models)} models, {len(welcome.edits)} edits"
    ]


def _fields(settings: Any) -> dict[str, Any]:
    if dataclasses.is_dataclass(settings) and not isinstance(settings, type):
        return {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    return dict(settings or {})


def _shown(name: str, value: Any) -> str:
    """A setting without the painter's words: of a text only how long it is."""
    if value is None or isinstance(value, (bool, int, float)):
        return str(value)
    if isinstance(value, str):
        return value if name in NAMES else f"{len(value)} characters"
    if isinstance(value, Mapping):
        shown = (f"{key}={_shown_choice(entry)}" for key, entry in value.items())
        return "{" + ", ".join(shown) + "}"
    if isinstance(value, (list, tuple)):
        return f"{len(value)} of them"
    return type(value).__name__


def _shown_choice(value: Any) -> str:
    """In the fine tuning a text is one of a few words that the backend gave."""
    if isinstance(value, str):
        return value if re.fullmatch(r"[\w+-]{0,32}", value) else f"{len(value)} characters"
    return _shown("", value)


def _words(settings: Mapping[str, Any]) -> list[str]:
    """What the painter wrote, also where a log should have caught it."""
    texts = [value.strip() for name, value in settings.items() if isinstance(value, str) and name not in NAMES]
    return [text for text in texts if len(text) >= SHORTEST]


def _tail(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - MOST_BYTES))
            text = file.read(MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return []
    lines = text.splitlines()[1 if size > MOST_BYTES else 0 :][-MOST_LINES:]
    return [line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]} …" for line in lines]


def _scrubbed(text: str, hidden: Sequence[str]) -> str:
    for word in sorted({h for h in hidden if h}, key=len, reverse=True):
        text = text.replace(word, "…")
    return BEARER.sub(r"\1…", text)


def _without(text: str, home: str) -> str:
    """In every way in which a system may write it."""
    home = home.rstrip("/\\")
    for said in {home, home.replace("\\", "/"), home.replace("\\", "\\\\")}:
        if len(said) > 1:
            text = re.sub(re.escape(said) + r"(?![\w.-])", "~", text)
    return text
