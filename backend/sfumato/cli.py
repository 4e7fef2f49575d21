"""The command `sfumato`. Bad input ends with one sentence on stderr and exit code 2, never with a traceback."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sfumato.errors import InputError, SfumatoError
from sfumato.options import make_parser

if TYPE_CHECKING:
    from sfumato_wire.declared import Parameter

BLANK = (
    "No part of the map is lighter than half: the two texts differ about the picture everywhere alike. "
    "Try --set normaliser=chance, or paint a map."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 1 failed, 2 bad input, 130 interrupted, 141 nobody reads what it prints."""
    # Read when torch is loaded. Threads that wait without spinning leave the cores to whoever paints meanwhile.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # Hints for programmers, torchao's among them, which diffusers loads wherever it is installed.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
    for library in ("torchao", "torch.utils._pytree"):
        logging.getLogger(library).setLevel(logging.ERROR)
    try:
        options = _parse(arguments)
        return COMMANDS[options.command](options)
    except InputError as error:
        print(f"sfumato: {error}", file=sys.stderr)
        return 2
    except SfumatoError as error:
        print(f"sfumato: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("sfumato: Interrupted.", file=sys.stderr)
        return 130


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    try:
        return make_parser().parse_args(arguments)
    except SystemExit:
        _say(end="")  # argparse has printed its help and looks away when that fails
        raise


def _say(text: str = "", end: str = "\n") -> None:
    """Print now, not at exit, where what fails is past catching. Raises SystemExit when nobody reads, SfumatoError."""
    encoding = sys.stdout.encoding or "utf-8"  # in which a name need not be writable
    try:
        print(text.encode(encoding, "replace").decode(encoding), end=end, flush=True)
    except OSError as error:
        # What is still in the buffer would fail at exit once more.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        if isinstance(error, BrokenPipeError):
            raise SystemExit(141) from None  # as if SIGPIPE had ended it, which `head` takes for granted
        reason = error.strerror or error
        raise SfumatoError("unprintable", f"The answer cannot be printed ({reason}). Send it elsewhere.") from None


def _calibrate(options: argparse.Namespace) -> int:
    from sfumato.evaluation.calibration import calibrate, lines

    report = calibrate(options, lambda line: print(line, file=sys.stderr, flush=True))
    _say(json.dumps(report, indent=2) if options.json else "\n".join(lines(report)))
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from sfumato.evaluation.command import evaluate

    document = json.dumps(evaluate(options), indent=1, allow_nan=False)
    if options.json == "-":
        _say(document)
    return 0


def _strokes(options: argparse.Namespace) -> int:
    import numpy as np
    from PIL import Image

    from sfumato.edits.strokes import strokes
    from sfumato.pictures import check_outputs, read_canvas, write_png

    check_outputs([options.out], [options.picture])
    canvas, image = read_canvas(options.picture)
    result = np.asarray(strokes(Image.fromarray(canvas), kernel=options.kernel, colours=options.colours))
    write_png(options.out, result if (canvas[..., 3] < 255).any() else result[..., :3], image)
    return 0


def _serve(options: argparse.Namespace) -> int:
    if not 0 <= options.port <= 65535:
        raise InputError("bad_port", f"--port must lie between 0 and 65535; this is {options.port}.")
    from sfumato.server import serve

    return serve(options.host, options.port, options.token_file)


def _edits(options: argparse.Namespace) -> int:
    from sfumato.studio.declared import DECLARED

    infos = list(DECLARED.values())
    if options.json:
        _say(json.dumps([asdict(info) for info in infos], indent=2))
        return 0
    for info in infos:
        asks = " Asks what the picture shows (--source-prompt)." if info.source_prompt else ""
        _say(f"{info.id}: {info.name}. {info.help}{asks}")
        for parameter in info.parameters:
            _say_parameter(parameter)
        if info.finds_map:
            _say(f"  `sfumato find-map` with {info.id}:")
            for parameter in info.map_parameters:
                _say_parameter(parameter)
        _say()
    return 0


def _say_parameter(parameter: Parameter) -> None:
    default = f"{parameter.default:g}" if parameter.type == "float" else str(parameter.default).lower()
    labels = parameter.choice_labels or parameter.choices
    said = zip(parameter.choices, labels, strict=True)
    kind = " | ".join(c if c == label else f"{c}: {label}" for c, label in said) or parameter.type
    if parameter.minimum is not None and parameter.maximum is not None:
        kind = f"{parameter.minimum:g} to {parameter.maximum:g}"
    unit = f" {parameter.unit}" if parameter.unit else ""
    _say(f"    --set {parameter.name}={default}  ({kind}{unit})\n        {parameter.help}")


def _models(options: argparse.Namespace) -> int:
    from sfumato.models.command import run

    return run(options, _say)


def _apply(options: argparse.Namespace) -> int:
    if not (options.layer or options.flat or options.json):
        raise InputError("no_output", "Say what to write: --layer OUT.png, --flat OUT.png, or both.")
    from sfumato.pictures import check_outputs

    check_outputs([options.layer, options.flat], [options.canvas, options.map, options.control])
    if not 0 <= options.strength <= 1:
        raise InputError("bad_strength", f"--strength must lie between 0 and 1; this is {options.strength:g}.")

    from sfumato.apply import apply_files

    report = apply_files(options, _settings(options))
    if options.json:
        _say(json.dumps(report, indent=2))
    _say_source_unused(options)
    _say_uncalibrated(report)
    if not report["changed"]:
        print(f"sfumato: Nothing was changed: {_why_unchanged(report)}.", file=sys.stderr)
    return 0


def _fan(options: argparse.Namespace) -> int:
    if not (options.out or options.each or options.map_out):
        raise InputError("no_output", "Say what to write: --out FAN.png, --each FOLDER or --map-out MAP.png.")
    from sfumato.evaluation.fan import fan_files

    report = fan_files(options, _settings(options))
    if options.json:
        _say(json.dumps(report, indent=2))
    if report["jobs"]:
        _say_source_unused(options)
        _say_uncalibrated(report["jobs"][0])
    if not report.get("changed", True):
        print(f"sfumato: Nothing was changed: {_why_unchanged(report['jobs'][-1], fan=True)}.", file=sys.stderr)
    return 0


def _say_source_unused(options: argparse.Namespace) -> None:
    from sfumato.studio.declared import DECLARED

    info = DECLARED[options.edit]
    if options.source_prompt and not info.source_prompt:
        able = ", ".join(name for name, other in DECLARED.items() if other.source_prompt)
        sentence = f"{info.name} takes no --source-prompt: it had no effect. Edits that do: {able}."
        print(f"sfumato: {sentence}", file=sys.stderr)


def _say_uncalibrated(report: dict[str, Any]) -> None:
    if "uncalibrated" in report:
        print(f"sfumato: {report['uncalibrated']} Greys count as shares of the steps until then.", file=sys.stderr)


def _why_unchanged(report: dict[str, Any], fan: bool = False) -> str:
    """The reason, and what to set; a fan's greys are its own."""
    if "plan" not in report:
        way = "Raise --to" if fan else "Paint it lighter, raise --strength, or try --invert-map"
        return f"the map asks for no change that could be seen. {way}"
    if report["steps_run"] > 0:
        way = "Raise --to, or make --map larger" if fan else "Paint it larger or lighter, or raise --strength"
        return f"the map asks for too small a change to be seen. {way}"
    ways = ["raise --to", "raise --steps"] if fan else ["paint it lighter or larger", "raise --strength or --steps"]
    ways += ["lower --set threshold"] if "threshold" in report["settings"] else []
    ways += ["raise --set ratio"] if "ratio" in report["settings"] else []
    ways += ["try --set resample=max"] if report["settings"]["resample"] != "max" else []
    return f"what the map asks for is less than one step. These help: {', '.join(ways[:-1])}, or {ways[-1]}"


def _find_map(options: argparse.Namespace) -> int:
    from sfumato.apply import find_map_file
    from sfumato.pictures import check_outputs

    check_outputs([options.out], [options.canvas, options.control])

    report = find_map_file(options, _settings(options))
    if options.json:
        _say(json.dumps(report, indent=2))
    elif report["white"] == 0:
        print(f"sfumato: {BLANK}", file=sys.stderr)
    return 0


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """NAME=VALUE, with the type that is declared; unknown edits and names are the studio's to refuse."""
    from sfumato.studio.declared import DECLARED

    info = DECLARED.get(options.edit)
    declared = () if info is None else info.map_parameters if options.command == "find-map" else info.parameters
    known = {p.name: p for p in declared}
    settings = {}
    for pair in options.set:
        name, equals, text = pair.partition("=")
        if not equals:
            raise InputError("bad_setting", f"--set takes NAME=VALUE; this is '{pair}'.")
        settings[name] = _typed(known[name], text) if name in known else text
    return settings


def _typed(parameter: Parameter, text: str) -> Any:
    try:
        if parameter.type == "bool":
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]
        return {"int": int, "float": float, "choice": str}[parameter.type](text)
    except (KeyError, ValueError):
        raise InputError(
            "bad_setting", f"The setting '{parameter.name}' is of type {parameter.type}; '{text}' is not."
        ) from None


# By the names that `make_parser` knows. What is heavy is imported by the command that needs it.
COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "apply": _apply,
    "fan": _fan,
    "find-map": _find_map,
    "strokes": _strokes,
    "calibrate": _calibrate,
    "evaluate": _evaluate,
    "serve": _serve,
    "edits": _edits,
    "models": _models,
}
