"""The demo's own side of the wire: paints, asks the backend, measures, makes the page. Runs in the environment.

python -m installer.demo.job STATE_FOLDER TARGET_FOLDER LOG SECONDS_SO_FAR
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from sfumato_wire.errors import ProtocolError
from websockets.exceptions import WebSocketException

from installer.errors import Stop
from installer.say import Task, line

from . import page, pictures, scene
from .client import Client

BEFORE = "a white boat on a lake at noon"


def main(state: Path, target: Path, seconds: dict[str, float]) -> int:
    """The exit code: 0 when every pixel that the map left black is untouched. Raises Stop."""
    with Client(state) as client:
        with Task("Loading the model") as task:
            welcome = client.welcome(task.note)
        model = welcome.models[0]
        seconds["model ready"] = task.seconds
        with Task("Painting the canvas and the map") as task:
            canvas, change_map = scene.canvas(model.native), scene.change_map(model.native)
        seconds["canvas and map painted"] = task.seconds
        with Task(f"Applying: {scene.PROMPT}") as task:
            layer, at, report = client.apply(
                canvas,
                change_map,
                task.note,
                model=model.id,
                edit="differential",
                prompt=scene.PROMPT,
                seed=scene.SEED,
                steps=model.steps,
                guidance_scale=model.guidance_scale,
            )
        seconds["Apply, from canvas to layer"] = task.seconds
    start = time.monotonic()
    whole = pictures.on_canvas(layer, at, canvas)
    result = pictures.save(target, canvas, change_map, whole, scene.PROMPT)
    measured = pictures.measure(canvas, result, change_map)
    seconds["pictures saved and measured"] = time.monotonic() - start
    words = {
        "before": BEFORE,
        "prompt": scene.PROMPT,
        "model": model.name,
        "device": welcome.device,
        "command": f'{sys.executable} -m sfumato apply PICTURE.png --map MAP.png --prompt "..." --flat RESULT.png',
    }
    index = page.write(target, measured, seconds, words)
    (target / "figures.json").write_text(json.dumps({"seconds": seconds, "report": report}, indent=1, default=str))
    tell(seconds, measured, index)
    return 0 if measured.untouched == 0 else 1


def tell(seconds: dict[str, float], measured: pictures.Measured, index: Path) -> None:
    line()
    for stage, value in seconds.items():
        line(f"  {stage:<32}{value:8.1f} s")
    line()
    line(f"Largest difference where the map is black ({measured.black:,} pixels): {measured.untouched}")
    if measured.untouched:
        line("It must be 0: this is a fault in Sfumato. Please report it with the folder below.")
    line(f"Look at it: {index}")
    line(f"The pictures beside it: {', '.join(sorted(path.name for path in index.parent.glob('*.png')))}")


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[4])))
    except Stop as error:
        sys.exit(f"{error}")
    except (ProtocolError, WebSocketException, OSError) as error:
        sys.exit(f"The backend could not be spoken with ({error}). What it said is in {sys.argv[3]}.")
    except KeyboardInterrupt:
        sys.exit(130)
