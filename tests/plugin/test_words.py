"""What the painter reads: written in one place, complete in every language, and never said before it is chosen."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from krita_sfumato import declared, language, sentences
from krita_sfumato.vendor.sfumato_wire import EditInfo, Parameter
from sfumato.studio.declared import DECLARED

PLUGIN = Path(__file__).resolve().parents[2] / "krita_plugin" / "krita_sfumato"
FILES = sorted(set(PLUGIN.glob("*.py")) - {PLUGIN / "sentences.py"})
LANGUAGES = sorted(file.stem for file in (PLUGIN / "words").glob("*.json") if file.stem != "en")
ENGLISH = language.texts()

# Calls that show what they are given, and widgets that are made with what they show.
SHOWS = re.compile(
    r"set(Text|ToolTip|PlaceholderText|PlainText|WindowTitle|Title|Format|Suffix|Prefix|StatusTip|WhatsThis|ItemText"
    r"|AccessibleName|AccessibleDescription|SpecialValueText|InformativeText|LabelText)"
    r"|(add|insert)(Item|Items|Row|Action|Menu|Tab|Section)|set_text|tip|showMessage|warning|question"
    r"|Q(Label|PushButton|CheckBox|RadioButton|GroupBox|Action|Menu)"
    r"|SmallPrint|Fold|Prompt|Percent|Calm\w+"
)
NAMES = {"Sfumato"}
SENTENCE = re.compile(r"[A-Za-z]{2,}[,:;.]? [a-z]{2,}")
PIECE = re.compile(r"[^\W\d_]{2,} | [^\W\d_]{2,}")  # of a text that is put together
# Not for the painter: the terminal, when there is no docker; a process without a name; reports, read by us; a header.
ELSEWHERE = {
    "__init__.py": "Krita|it needs 3.10",
    "backend.py": "the command|exit ",
    "diagnostics.py": "",
    "dial.py": "Bearer ",
    "application.py": "krita-sfumato| in Krita ",
}


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    yield
    language.use("en")


# ---------------------------------------------------------------------- the texts


def test_what_is_said_is_written_and_what_is_written_is_said() -> None:
    used: set[str] = set()
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "sentences":
                assert hasattr(sentences, node.attr), f"{file.name}:{node.lineno} says {node.attr}"
                used.add(node.attr)
    inside = ast.walk(ast.parse((PLUGIN / "sentences.py").read_text(encoding="utf-8")))
    used |= {node.id for node in inside if isinstance(node, ast.Name)}
    names = {key.partition(".")[0] for key in ENGLISH}
    assert not {name for name in used if name.isupper()} - names - {"WORDS"}
    assert not names - used, "nobody says these any more"


# ---------------------------------------------------------------------- the rest of the plugin


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nothing_is_said_outside_sentences(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    apart = _not_for_the_painter(tree)
    known = ELSEWHERE.get(file.name)
    pieces = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and SHOWS.fullmatch(ast.unparse(node.func).rpartition(".")[2]):
            for said in _said_in(node):
                assert said in NAMES, f"{file.name}:{node.lineno} shows “{said}”: it belongs into words/en.json"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in apart:
            is_text = SENTENCE.search(node.value) or (id(node) in pieces and PIECE.search(node.value))
            if is_text and (known is None or not re.search(known, node.value)):
                raise AssertionError(f"{file.name}:{node.lineno} has “{node.value}”: it belongs into words/en.json")


def _not_for_the_painter(tree: ast.AST) -> set[int]:
    """Docstrings, style sheets, and what errors among programmers say."""
    found = set()
    for node in ast.walk(tree):
        is_style = isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".setStyleSheet")
        if is_style or isinstance(node, (ast.Raise, ast.Assert)):
            found |= {id(part) for part in ast.walk(node)}
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found.add(id(node.value))
    return found


def _said_in(call: ast.Call) -> Iterator[str]:
    """The texts with a letter in them that a call is given as they stand."""
    given = call.args[:1] if isinstance(call.func, ast.Attribute) else call.args  # later ones are data
    for argument in given:
        parts = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
        for part in parts:
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and re.search(r"[^\W\d_]", part.value):
                yield part.value


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nothing_is_taken_from_sentences_before_the_language_is_chosen(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    dicts = {name for name, value in vars(sentences).items() if not isinstance(value, str)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "sentences":
            taken = {alias.name for alias in node.names} - dicts
            assert not taken, f"{file.name} imports {taken}: import the module and say `sentences.NAME`"
    for node in _at_import(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "sentences" and node.attr.isupper():
            raise AssertionError(f"{file.name}:{node.lineno} takes {node.attr} when the file is read")


def _at_import(node: ast.AST) -> Iterator[ast.AST]:
    """What runs when the file is read: not the bodies of functions, but their defaults and decorators."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            early = [*child.args.defaults, *filter(None, child.args.kw_defaults), *getattr(child, "decorator_list", [])]
            for part in early:
                yield from _at_import(part)
        else:
            yield from _at_import(child)


# ---------------------------------------------------------------------- the languages


def test_there_is_a_language() -> None:
    assert "de" in LANGUAGES


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_language_is_complete(name: str) -> None:
    left = language.missing(name)
    assert not left, f"words/{name}.json lacks:\n" + "\n".join(left)
    stale = sorted(key for key in language.read(name) if key not in ENGLISH and not key.startswith(declared.OWN))
    assert not stale, f"words/{name}.json has what nobody says any more: {stale}"


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_language_has_the_same_places_and_is_no_copy(name: str) -> None:
    words = language.read(name)
    for key in words.keys() & ENGLISH.keys():
        assert language.places(words[key]) == language.places(ENGLISH[key]), key
        assert words[key].strip(), key
        for edge in (0, -1):
            assert words[key][edge].isspace() == ENGLISH[key][edge].isspace(), f"{key}: the space at its end"
    same = [key for key in words if words[key] == ENGLISH.get(key) and SENTENCE.search(words[key])]
    assert not same, f"not translated: {same}"


@pytest.mark.parametrize("name", LANGUAGES)
def test_no_key_is_there_twice(name: str) -> None:
    keys: list[str] = []
    json.loads(
        (PLUGIN / "words" / f"{name}.json").read_text(encoding="utf-8"),
        object_pairs_hook=lambda pairs: keys.extend(key for key, _ in pairs),
    )
    assert sorted(keys) == sorted(set(keys))


def test_everything_is_said_in_the_chosen_language_and_back() -> None:
    stages, words = sentences.STAGES, language.read("de")
    language.use("de")
    assert language.texts() == {key: text for key, text in words.items() if not key.startswith(declared.OWN)}
    assert stages["reading"] == words["STAGES.reading"], "who took the dict before says it too"
    assert sentences.ready("cuda:0") == "Bereit zum Malen, auf der Grafikkarte."
    assert sentences.stopped_before("map").endswith("„Suchen“.")
    assert sentences.nothing("edit") == words["NOTHING_CHANGED"]
    assert sentences.layer_name("", "map") == "Änderungskarte"
    assert sentences.time_left(90) == "noch etwa 1½ min"
    language.use("en")
    assert language.texts() == ENGLISH


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_language_says_all_that_the_backend_declares(name: str) -> None:
    words = language.read(name)
    known = [keys for info in DECLARED.values() for keys in declared.keys(info)]
    lacks = sorted({keys[-1] for keys in known if not any(key in words for key in keys)})
    assert not lacks, f"words/{name}.json lacks what an edit declares:\n" + "\n".join(lacks)
    stale = {key for key in words if key.startswith(declared.OWN)} - {key for keys in known for key in keys}
    assert not stale, f"words/{name}.json has what no edit declares any more: {sorted(stale)}"
    assert all(words[key].strip() for key in words)


def test_what_is_declared_has_words_for_a_painter() -> None:
    for info in DECLARED.values():
        for parameter in (*info.parameters, *info.map_parameters):
            said = f"{info.id}: {parameter.name}"
            assert parameter.label, said
            assert parameter.help, said
            assert len(parameter.choice_labels) == len(parameter.choices), said
            assert not re.search(r"'\w+'", parameter.help), f"{said}: the docker does not show a choice's own name"


def test_what_a_backend_declares_is_said_in_the_language_or_as_the_backend_does() -> None:
    odd = Parameter("release", "choice", "whole", "Its own.", choices=("whole", "new"), choice_labels=("Whole",))
    level = Parameter("threshold", "float", 0.5, "Help.", unit="times")
    info = EditInfo("another", "Another", "Something new.", (odd, level))
    assert list(declared.choices(odd, "another")) == [("whole", "whole"), ("new", "new")]
    assert declared.label(level, "sdedit") == "Threshold"
    language.use("de")
    assert declared.edit_name(DECLARED["soft-inpainting"]) == "Weiches Übermalen"
    assert (declared.edit_name(info), declared.edit_help(info)) == ("Another", "Something new.")
    assert list(declared.choices(odd, "another")) == [("whole", "gerundet"), ("new", "new")]
    said = [declared.label(level, edit) for edit in ("sdedit", "diffedit", "another")]
    assert said == ["Ändert ab", "Malt neu ab", "Threshold"], "one name may mean something else in another edit"
    assert (declared.help(level, "another"), declared.unit(level)) == ("Help.", "mal")
    language.use("en")
    assert declared.edit_name(DECLARED["soft-inpainting"]) == "Soft inpainting"
    assert declared.unit(level) == "times"


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("snow\n on\tthe  hills", "snow on the hills"),
        ("a \u202edlo\u202c house", "a dlo house"),
        ("a\0b\x07c\x7f", "abc"),
        ("\ufeffsnow\u00ad\u200e", "snow"),
        ("half \ud83d of one", "half of one"),
        ("\u2066\0\u2069", "Sfumato"),
        ("a \U0001f469\u200d\U0001f3a8 at work", "a \U0001f469\u200d\U0001f3a8 at work"),
        ("\u2764\ufe0f\u200d\U0001f525", "\u2764\ufe0f\u200d\U0001f525"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
        ("\u200dsnow\u200d \u200c and\u200d\u200dice\u200c", "snow andice"),
        ("\U0001f469\u200d" * 40, ("\U0001f469\u200d" * 24).rstrip("\u200d") + " …"),
    ],
)
def test_a_layers_name_has_nothing_that_is_not_seen(prompt: str, name: str) -> None:
    assert sentences.layer_name(prompt) == name


def test_what_a_language_lacks_or_says_wrongly_stays_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = {
        "APPLY": "Appliquer",
        "DID_NOT_START": "Le programme {raison}",
        "MAP_EMPTY": "{",
        "DONE": "{seconds:.9f}",
        "CANCEL": 3,
        "LINK.ready": "Prêt.",
        "NOBODY": "Personne",
        "LINK.nobody": "Personne",
    }
    (tmp_path / "fr.json").write_text(json.dumps(words), encoding="utf-8")
    monkeypatch.setattr(sentences, "WORDS", tmp_path)
    language.use("fr")
    changed = {key: text for key, text in language.texts().items() if text != ENGLISH[key]}
    assert changed == {"APPLY": "Appliquer", "LINK.ready": "Prêt."}
    assert "CANCEL: Cancel" not in language.missing("fr")
    assert "PLACE: Place" in language.missing("fr")


@pytest.mark.parametrize("text", ["", "[]", "3", "{", '{"APPLY": {}}', "\xff"])
def test_rubbish_in_a_languages_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "fr.json").write_text(text, encoding="latin-1")
    monkeypatch.setattr(sentences, "WORDS", tmp_path)
    language.use("fr")
    assert language.texts() == ENGLISH


@pytest.mark.parametrize(
    ("said", "wanted", "chosen"),
    [
        ("", ["de-DE", "en-US"], "de"),
        ("", ["de_AT"], "de"),
        ("", ["de-Latn-DE"], "de"),
        ("", ["en-GB", "de-DE"], "en"),
        ("", ["xx", "de"], "de"),
        ("", ["C"], "en"),
        ("", ["../words/de", "..", ""], "en"),
        ("", [], "en"),
        ("de", ["en-US"], "de"),
        ("de_DE.UTF-8", ["en-US"], "de"),
        ("en", ["de-DE"], "en"),
        ("xx", ["de-DE"], "en"),
    ],
)
def test_which_language_is_chosen(said: str, wanted: list[str], chosen: str) -> None:
    assert language.choose({language.VARIABLE: said} if said else {}, wanted) == chosen
