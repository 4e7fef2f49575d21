"""The command `sfumato`. Bad input ends with one sentence on stderr and exit code 2, never with a traceback."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfumato_wire import rendezvous
from sfumato_wire.limits import MAX_STEPS

from sfumato import __version__
from sfumato.errors import InputError, SfumatoError

if TYPE_CHECKING:
    from sfumato_wire.messages import Parameter

EXAMPLES = """examples:
  sfumato apply summer.png --map map.png --prompt "a winter meadow" --flat winter.png
  sfumato apply photo.png --map map.png --invert-map --prompt "autumn" --layer layer.png --strength 0.8
  sfumato fan summer.png --prompt "a winter meadow" --labels --out fan.png
  sfumato find-map summer.png --prompt "a windmill" --reference-prompt "a house" --out map.png
  sfumato apply summer.png --edit diffedit --map map.png --prompt "a windmill" --flat windmill.png
  sfumato edits            what can be set with --set
  sfumato serve            the backend that the Krita plugin talks to
"""


BLANK = (
    "No part of the map is lighter than half: the two texts differ about the picture everywhere alike. "
    "Try --set normaliser=chance, or paint a map."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 1 failed, 2 bad input, 130 interrupted, 141 nobody reads what it prints."""
    # Read when torch is loaded. Threads that wait without spinning leave the cores to whoever paints meanwhile.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # its hints are for programmers
    try:
        options = _parse(arguments)
        return int(options.run(options))
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
        return _parser().parse_args(arguments)
    except SystemExit:
        _say(end="")  # argparse has printed its help and looks away when that fails
        raise


def _say(text: str = "", end: str = "\n") -> None:
    """Print now, not at exit, where what fails is past catching. Raises SystemExit when nobody reads, SfumatoError."""
    try:
        print(text, end=end, flush=True)
    except OSError as error:
        # What is still in the buffer would fail at exit once more.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        if isinstance(error, BrokenPipeError):
            raise SystemExit(141) from None  # as if SIGPIPE had ended it, which `head` takes for granted
        reason = error.strerror or error
        raise SfumatoError("unprintable", f"The answer cannot be printed ({reason}). Send it elsewhere.") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sfumato",
        description="Edit pictures by a map: white may change fully, black not at all, every grey by its own amount.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"sfumato {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    apply = commands.add_parser("apply", help="edit a picture by a map, without a server")
    apply.set_defaults(run=_apply)
    _add_common(apply, "--source-prompt", "differential")
    apply.add_argument(
        "--map", required=True, type=Path, help="a picture of the canvas's shape: white changes, black keeps"
    )
    _add_painting(apply)
    apply.add_argument("--strength", type=float, default=1.0, metavar="0..1", help="scales the whole map (default: 1)")
    apply.add_argument("--invert-map", action="store_true", help="the map is painted the other way round: white keeps")
    apply.add_argument("--soften", type=int, default=0, metavar="PX", help="blur the map by so many pixels")
    apply.add_argument("--layer", type=Path, metavar="OUT.png", help="write what changed, transparent elsewhere")
    apply.add_argument("--flat", type=Path, metavar="OUT.png", help="write the whole picture with the change in it")

    fan = commands.add_parser(
        "fan",
        help="one edit at many strengths in one picture, to choose one",
        description="One edit at evenly spaced strengths in the sectors of one picture, clockwise from weak to strong.",
    )
    fan.set_defaults(run=_fan)
    _add_common(fan, "--source-prompt", "differential")
    _add_painting(fan)
    fan.add_argument("--strengths", type=int, default=10, metavar="COUNT", help="how many (default: %(default)s)")
    fan.add_argument("--from", dest="first", type=float, default=0.1, metavar="0..1", help="the weakest (default: 0.1)")
    fan.add_argument("--to", dest="last", type=float, default=1.0, metavar="0..1", help="the strongest (default: 1)")
    fan.add_argument("--centre", metavar="X,Y", help="where the sectors meet, in pixels (default: below the middle)")
    fan.add_argument(
        "--start-angle",
        type=float,
        metavar="DEGREES",
        help="where the weakest begins, clockwise from twelve o'clock, around a --centre in the picture (default: 0)",
    )
    fan.add_argument("--map", type=Path, help="change only what is not black in this picture, whatever its grey")
    fan.add_argument(
        "--apart",
        action="store_true",
        help="cut every sector from a picture made at its strength alone; takes as long as so many edits, not as one",
    )
    fan.add_argument("--labels", action="store_true", help="write its strength on every sector")
    fan.add_argument("--out", type=Path, metavar="FAN.png", help="write the fan")
    fan.add_argument(
        "--each", type=Path, metavar="FOLDER", help="write a whole picture for every strength, 0.10.png ..."
    )
    fan.add_argument("--map-out", type=Path, metavar="MAP.png", help="write the sectors as a grey map to paint on")

    find = commands.add_parser("find-map", help="find where a picture must change for a prompt, as a grey map")
    find.set_defaults(run=_find_map)
    _add_common(find, "--reference-prompt", "diffedit")
    find.add_argument(
        "--guidance",
        type=float,
        default=1.0,
        help="more takes twice as long for the same map but with normaliser=absolute (default: %(default)g)",
    )
    find.add_argument("--out", type=Path, required=True, metavar="MAP.png", help="write the map: grey, white changes")

    strokes = commands.add_parser("strokes", help="a picture as coarse strokes, for SDEdit to start from")
    strokes.set_defaults(run=_strokes)
    strokes.add_argument("picture", metavar="PICTURE", type=Path, help="the picture to simplify")
    strokes.add_argument("out", metavar="OUT.png", type=Path, help="where to write the strokes")
    strokes.add_argument("--colours", type=int, default=6, help="how many (default: %(default)s)")
    strokes.add_argument(
        "--kernel", type=int, default=23, metavar="PX", help="size of a stroke at 256 pixels (default: %(default)s)"
    )

    calibrate = commands.add_parser(
        "calibrate",
        help="measure a model, so that greys can be shares of the change that is seen (--set axis=perceived)",
        description="Fits a model's curve for the axis 'perceived' on one half of the pictures and prompts, and prints "
        "how straight the change of the other half is before and after. The curve is kept beside the model's weights.",
    )
    calibrate.set_defaults(run=_calibrate)
    _add_calibrate(calibrate)

    evaluate = commands.add_parser(
        "evaluate",
        help="measure how well a model follows maps, beside published rules",
        description="Every edit and rule against exact ground truth. The same command again goes on where it stopped.",
    )
    evaluate.set_defaults(run=_evaluate)
    _add_evaluate(evaluate)

    serve = commands.add_parser("serve", help="the backend that the Krita plugin talks to")
    serve.set_defaults(run=_serve)
    serve.add_argument("--host", default=rendezvous.DEFAULT_HOST, help="address to listen on (default: %(default)s)")
    serve.add_argument(
        "--port", type=int, default=rendezvous.DEFAULT_PORT, help="0 takes a free one (default: %(default)s)"
    )

    for name, run, text in (("edits", _edits, "the edits and their parameters"), ("models", _models, "the models")):
        listing = commands.add_parser(name, help=f"list {text}")
        listing.set_defaults(run=run)
        listing.add_argument("--json", action="store_true", help="as JSON")
    return parser


def _add_common(command: argparse.ArgumentParser, source: str, edit: str) -> None:
    """What `apply` and `find-map` share. source: what the option for the text of the picture itself is called."""
    add = command.add_argument
    add("canvas", metavar="CANVAS", type=Path, help="the picture to edit")
    add("--prompt", required=True, help='what should appear; may be empty ("")')
    add(source, dest="source_prompt", default="", metavar="TEXT", help="what the picture shows, for edits that ask")
    add("--edit", default=edit, help="the method (default: %(default)s; see `sfumato edits`)")
    add("--model", default="sketchbook", help="the model (default: %(default)s; see `sfumato models`)")
    add("--steps", type=int, help=f"1 to {MAX_STEPS} (default: the model's own)")
    add("--seed", type=int, default=0, help="another number, another result (default: 0)")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of it (see `sfumato edits`)")
    add("--json", action="store_true", help="print the plan, the steps and the seconds as JSON")


def _add_calibrate(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("model", metavar="MODEL", nargs="?", default="sketchbook", help="the model (default: %(default)s)")
    add("--pictures", type=int, default=400, metavar="COUNT", help="how many, both halves (default: %(default)s)")
    add("--steps", default="4,8,30", metavar="N,N", help="numbers of steps to measure at (default: %(default)s)")
    add("--size", type=int, metavar="PX", help="side of the pictures (default: the model's own)")
    add("--batch", type=int, default=16, metavar="COUNT", help="pictures at a time (default: %(default)s)")
    add("--pictures-folder", type=Path, metavar="FOLDER", help="pictures to edit (default: Sketchbook's own scenes)")
    add("--prompt", action="append", default=[], metavar="TEXT", help="what they become; give it several times")
    add("--json", action="store_true", help="print what was measured as JSON")
    written = command.add_mutually_exclusive_group()
    written.add_argument("--check", action="store_true", help="judge the curve that there is, and write nothing")
    written.add_argument("--out", type=Path, metavar="FILE", help="where to write it (default: beside the weights)")


def _add_evaluate(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--size", default="small", help="'small', a minute or two, or 'full', an hour or more (default: %(default)s)")
    add("--model", default="sketchbook", help="the model (default: %(default)s; see `sfumato models`)")
    add("--only", nargs="+", metavar="NAME", help="some of the experiments, by the names that the page has for them")
    add("--seed", type=int, default=0, help="another number, other pictures (default: 0)")
    add("--json", metavar="FILE", help="write all figures as JSON; - prints them")
    add(
        "--report",
        type=Path,
        default=Path("sfumato-evaluation"),
        metavar="FOLDER",
        help="for the page, the tables and what is finished (default: %(default)s)",
    )


def _add_painting(command: argparse.ArgumentParser) -> None:
    """What commands share that paint."""
    command.add_argument("--negative-prompt", default="", metavar="TEXT", help="what should not appear")
    command.add_argument("--guidance", type=float, help="how closely to follow the prompt (default: the model's own)")


def _point(text: str) -> tuple[float, float]:
    try:
        x, y = (float(number) for number in text.split(","))
    except ValueError:
        raise InputError("bad_point", f"--centre takes X,Y in pixels, such as 128,256; this is '{text}'.") from None
    return x, y


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
    print(f"sfumato: {options.report / 'index.html'} shows it all.", file=sys.stderr)
    return 0


def _strokes(options: argparse.Namespace) -> int:
    import numpy as np
    from PIL import Image

    from sfumato.edits.strokes import strokes
    from sfumato.pictures import check_output, read_canvas, write_png

    check_output(options.out)
    canvas, image = read_canvas(options.picture)
    result = np.asarray(strokes(Image.fromarray(canvas), kernel=options.kernel, colours=options.colours))
    write_png(options.out, result if (canvas[..., 3] < 255).any() else result[..., :3], image)
    return 0


def _serve(options: argparse.Namespace) -> int:
    if not 0 <= options.port <= 65535:
        raise InputError("bad_port", f"--port must lie between 0 and 65535; this is {options.port}.")
    from sfumato.server import serve

    return serve(options.host, options.port)


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
    kind = " | ".join(parameter.choices) or parameter.type
    if parameter.minimum is not None and parameter.maximum is not None:
        kind = f"{parameter.minimum:g} to {parameter.maximum:g}"
    unit = f" {parameter.unit}" if parameter.unit else ""
    _say(f"    --set {parameter.name}={default}  ({kind}{unit})\n        {parameter.help}")


def _models(options: argparse.Namespace) -> int:
    from sfumato.models import CATALOGUE

    if options.json:
        _say(json.dumps([asdict(model.info) for model in CATALOGUE.values()], indent=2))
        return 0
    for model in CATALOGUE.values():
        info = model.info
        _say(f"{info.id}: {info.name} ({info.family}), {info.native} pixels, {info.steps} steps by default")
    return 0


def _apply(options: argparse.Namespace) -> int:
    if not (options.layer or options.flat or options.json):
        raise InputError("no_output", "Say what to write: --layer OUT.png, --flat OUT.png, or both.")
    from sfumato.pictures import check_output

    for path in (options.layer, options.flat):
        if path:
            check_output(path)
    if options.layer and options.flat and os.path.realpath(options.layer) == os.path.realpath(options.flat):
        raise InputError("same_output", "--layer and --flat name the same file. Give each a name of its own.")
    if not 0 <= options.strength <= 1:
        raise InputError("bad_strength", f"--strength must lie between 0 and 1; this is {options.strength:g}.")

    from sfumato.apply import apply_files
    from sfumato.studio.declared import DECLARED

    known = DECLARED[options.edit].parameters if options.edit in DECLARED else ()
    report = apply_files(options, _settings(options.set, known))
    if options.json:
        _say(json.dumps(report, indent=2))
    _say_source_unused(options)
    if not report["changed"]:
        print(f"sfumato: Nothing was changed: {_why_unchanged(report)}.", file=sys.stderr)
    return 0


def _fan(options: argparse.Namespace) -> int:
    if not (options.out or options.each or options.map_out):
        raise InputError("no_output", "Say what to write: --out FAN.png, --each FOLDER or --map-out MAP.png.")
    options.centre = None if options.centre is None else _point(options.centre)
    from sfumato.evaluation.fan import fan_files
    from sfumato.studio.declared import DECLARED

    known = DECLARED[options.edit].parameters if options.edit in DECLARED else ()
    report = fan_files(options, _settings(options.set, known))
    if options.json:
        _say(json.dumps(report, indent=2))
    if report["jobs"]:
        _say_source_unused(options)
    if not report.get("changed", True):
        print(f"sfumato: Nothing was changed: {_why_unchanged(report['jobs'][-1])}.", file=sys.stderr)
    return 0


def _say_source_unused(options: argparse.Namespace) -> None:
    from sfumato.studio.declared import DECLARED

    info = DECLARED[options.edit]
    if options.source_prompt and not info.source_prompt:
        able = ", ".join(name for name, other in DECLARED.items() if other.source_prompt)
        sentence = f"{info.name} takes no --source-prompt: it had no effect. Edits that do: {able}."
        print(f"sfumato: {sentence}", file=sys.stderr)


def _why_unchanged(report: dict[str, Any]) -> str:
    """The reason, and what to set."""
    if "plan" not in report:
        return "the map asks for no change that could be seen. Paint it lighter, raise --strength, or try --invert-map"
    if report["steps_run"] > 0:
        return "the map asks for too small a change to be seen. Paint it larger or lighter, or raise --strength"
    ways = ["paint it lighter or larger", "raise --strength or --steps"]
    ways += ["lower --set threshold"] if "threshold" in report["settings"] else []
    ways += ["raise --set ratio"] if "ratio" in report["settings"] else []
    ways += ["try --set resample=max"] if report["settings"]["resample"] != "max" else []
    return f"what the map asks for is less than one step. These help: {', '.join(ways[:-1])}, or {ways[-1]}"


def _find_map(options: argparse.Namespace) -> int:
    from sfumato.pictures import check_output

    check_output(options.out)

    from sfumato.apply import find_map_file
    from sfumato.studio.declared import DECLARED

    known = DECLARED[options.edit].map_parameters if options.edit in DECLARED else ()
    report = find_map_file(options, _settings(options.set, known))
    if options.json:
        _say(json.dumps(report, indent=2))
    elif report["white"] == 0:
        print(f"sfumato: {BLANK}", file=sys.stderr)
    return 0


def _settings(pairs: list[str], declared: Sequence[Parameter]) -> dict[str, Any]:
    """NAME=VALUE, with the type that is declared; unknown names are the studio's to refuse."""
    known = {p.name: p for p in declared}
    settings = {}
    for pair in pairs:
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
