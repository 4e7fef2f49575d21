"""What the command `sfumato` can be asked. Says nothing of how it is done, so that `--help` loads nothing for it."""

from __future__ import annotations

import argparse
from pathlib import Path

from sfumato_wire import rendezvous
from sfumato_wire.limits import MAX_STEPS

from sfumato import __version__

EXAMPLES = """examples:
  sfumato apply summer.png --map map.png --prompt "a winter meadow" --flat winter.png
  sfumato apply photo.png --map map.png --invert-map --prompt "autumn" --layer layer.png --strength 0.8
  sfumato fan summer.png --prompt "a winter meadow" --labels --out fan.png
  sfumato find-map summer.png --prompt "a windmill" --reference-prompt "a house" --out map.png
  sfumato apply summer.png --edit diffedit --map map.png --prompt "a windmill" --flat windmill.png
  sfumato edits            what can be set with --set
  sfumato serve            the backend that the Krita plugin talks to
"""

# Those that `sfumato evaluate` knows, in its order.
EXPERIMENTS = ("adherence", "answer", "kept", "seams", "hinting", "success", "tradeoff", "found", "inversion")


def make_parser() -> argparse.ArgumentParser:
    """Of all commands; the one that was chosen is `command` in what it gives."""
    parser = argparse.ArgumentParser(
        prog="sfumato",
        description="Edit pictures by a map: white may change fully, black not at all, every grey by its own amount.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"sfumato {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    apply = commands.add_parser("apply", help="edit a picture by a map, without a server")
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
    _add_fan(fan)

    find = commands.add_parser("find-map", help="find where a picture must change for a prompt, as a grey map")
    _add_common(find, "--reference-prompt", "diffedit")
    find.add_argument(
        "--guidance",
        type=float,
        default=1.0,
        help="more takes twice as long for the same map but with normaliser=absolute (default: %(default)g)",
    )
    find.add_argument("--out", type=Path, required=True, metavar="MAP.png", help="write the map: grey, white changes")

    strokes = commands.add_parser("strokes", help="a picture as coarse strokes, for SDEdit to start from")
    strokes.add_argument("picture", metavar="PICTURE", type=Path, help="the picture to simplify")
    strokes.add_argument("out", metavar="OUT.png", type=Path, help="where to write the strokes")
    strokes.add_argument("--colours", type=int, default=6, help="how many (default: %(default)s)")
    strokes.add_argument(
        "--kernel", type=int, default=23, metavar="PX", help="size of a stroke at 256 pixels (default: %(default)s)"
    )

    calibrate = commands.add_parser(
        "calibrate",
        help="measure a model, so that greys are shares of the change that is seen",
        description="Fits a model's curve for the axis 'perceived' on one half of the pictures and prompts, and prints "
        "how straight change is there without it, and on the other half with it. The curve is kept beside the model's "
        "weights; the one before it stays as calibration.json.bak. For each number of steps this takes --pictures x 16 "
        "greys x half the steps x two passes of the denoiser: with the defaults some 270000 passes, which is hours. "
        "The same command goes on where it was stopped.",
    )
    _add_calibrate(calibrate)

    evaluate = commands.add_parser(
        "evaluate",
        help="measure how well a model follows maps, beside published rules",
        description="Every edit and rule against exact ground truth. The same command again goes on where it stopped.",
    )
    _add_evaluate(evaluate)

    serve = commands.add_parser("serve", help="the backend that the Krita plugin talks to")
    serve.add_argument("--host", default=rendezvous.DEFAULT_HOST, help="address to listen on (default: %(default)s)")
    serve.add_argument(
        "--port", type=int, default=rendezvous.DEFAULT_PORT, help="0 takes a free one (default: %(default)s)"
    )
    serve.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="holds the secret that other machines must present; made if it is not there",
    )

    edits = commands.add_parser("edits", help="list the edits and their parameters")
    edits.add_argument("--json", action="store_true", help="as JSON")

    models = commands.add_parser(
        "models",
        help="list the models on this machine, and say where to look for more",
        description="Sfumato's own, those in the hub's cache, and those in the folders that were added.",
    )
    _add_models(models)
    return parser


def _add_common(command: argparse.ArgumentParser, source: str, edit: str) -> None:
    """What `apply`, `fan` and `find-map` share. source: what the option for the text of the picture is called."""
    add = command.add_argument
    add("canvas", metavar="CANVAS", type=Path, help="the picture to edit")
    add("--prompt", required=True, help='what should appear; may be empty ("")')
    add(source, dest="source_prompt", default="", metavar="TEXT", help="what the picture shows, for edits that ask")
    add("--edit", default=edit, help="the method (default: %(default)s; see `sfumato edits`)")
    add("--model", default="sketchbook", help="the model (default: %(default)s; see `sfumato models`)")
    add("--steps", type=int, help=f"1 to {MAX_STEPS} (default: the model's own)")
    add("--seed", type=int, default=0, help="another number, another result (default: 0)")
    add(
        "--scheduler",
        default="",
        metavar="NAME",
        help="how the steps are taken, such as UniPC (default: the model's own)",
    )
    add("--vae", default="", metavar="NAME", help="a VAE of `sfumato models` (default: the model's own)")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of it (see `sfumato edits`)")
    more = (
        "and how much of it (default: 1); several times for several, and <lora:NAME:WEIGHT> in the prompt is the same"
    )
    add("--lora", action="append", default=[], metavar="NAME[:WEIGHT]", help=f"a LoRA of `sfumato models`, {more}")
    _add_control(command)
    add("--json", action="store_true", help="print the plan, the steps and the seconds as JSON")


def _add_painting(command: argparse.ArgumentParser) -> None:
    """What commands share that paint."""
    command.add_argument("--negative-prompt", default="", metavar="TEXT", help="what should not appear")
    command.add_argument("--guidance", type=float, help="how closely to follow the prompt (default: the model's own)")


def _add_control(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--controlnet", metavar="NAME", help="a ControlNet of `sfumato models`, for the model's family")
    add("--control", type=Path, metavar="FILE", help="the picture that it reads, of the canvas's shape, such as lines")
    add("--control-weight", type=float, default=1.0, metavar="0..2", help="how much it guides (default: 1)")
    add(
        "--control-range",
        default="0..1",
        metavar="BEGIN..END",
        help="which steps it guides, as shares of all there are from the noisiest on (default: %(default)s)",
    )


def _add_fan(command: argparse.ArgumentParser) -> None:
    _add_common(command, "--source-prompt", "differential")
    _add_painting(command)
    add = command.add_argument
    add("--strengths", type=int, default=10, metavar="COUNT", help="how many (default: %(default)s)")
    add("--from", dest="first", type=float, default=0.1, metavar="0..1", help="the weakest (default: 0.1)")
    add("--to", dest="last", type=float, default=1.0, metavar="0..1", help="the strongest (default: 1)")
    add("--centre", metavar="X,Y", help="where the sectors meet, in pixels (default: below the middle)")
    add(
        "--start-angle",
        type=float,
        metavar="DEGREES",
        help="where the weakest begins, clockwise from twelve o'clock, around a --centre in the picture (default: 0)",
    )
    add("--map", type=Path, help="change only what is not black in this picture, whatever its grey")
    add(
        "--apart",
        action="store_true",
        help="cut every sector from a picture made at its strength alone; takes as long as so many edits, not as one",
    )
    add("--labels", action="store_true", help="write its strength on every sector")
    add("--out", type=Path, metavar="FAN.png", help="write the fan")
    add("--each", type=Path, metavar="FOLDER", help="write a whole picture for every strength, 0.10.png ...")
    add("--map-out", type=Path, metavar="MAP.png", help="write the sectors as a grey map to paint on")


def _add_models(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="as JSON")
    kinds = "checkpoint, lora, vae, controlnet, text-encoder or unknown"
    command.add_argument("--kind", metavar="KIND", help=f"only one kind: {kinds}")
    ways = command.add_subparsers(dest="way", metavar="WAY")
    add = ways.add_parser("get", help="fetch a model of the hub, as .safetensors only")
    add.add_argument("hub_id", metavar="OWNER/NAME[/FILE]", help="a model, or one file of it")
    add.add_argument("--revision", help="a branch, a tag or a commit (default: the newest)")
    add = ways.add_parser("add-folder", help="look for models in this folder, too")
    add.add_argument("folder", metavar="FOLDER", type=Path, help="of models, or ComfyUI's, A1111's or InvokeAI's own")
    remove = ways.add_parser("remove-folder", help="look there no more; nothing is deleted")
    remove.add_argument("folder", metavar="FOLDER", type=Path, help="one that was added")


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
    sizes = "'small', a minute or two, 'medium', half an hour, or 'full', two hours or more"
    add("--size", default="small", help=f"{sizes} (default: %(default)s)")
    add("--model", default="sketchbook", help="the model (default: %(default)s; see `sfumato models`)")
    add("--only", nargs="+", metavar="NAME", help=f"some of the experiments: {', '.join(EXPERIMENTS)}")
    add("--seed", type=int, default=0, help="another number, other pictures (default: 0)")
    add("--json", metavar="FILE", help="write all figures as JSON; - prints them")
    add(
        "--report",
        type=Path,
        default=Path("sfumato-evaluation"),
        metavar="FOLDER",
        help="for a folder of each model, size and seed: page, tables and what is finished (default: %(default)s)",
    )
