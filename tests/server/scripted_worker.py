"""A worker whose studio does what the prompt says: the faults that real studios have when nobody is looking.

Everything but the studio is the real thing. Run as a script in place of `python -m sfumato.worker`.
"""

import os
import signal
import sys
import time
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from sfumato.errors import Cancelled, InputError, SfumatoError
from sfumato.worker import main
from sfumato_wire import EditInfo, Extra, ModelInfo, Parameter, Pixels, Request, digest_of

STEP = 0.02  # seconds


@dataclass(frozen=True)
class Progressed:
    stage: str
    step: int
    steps: int
    preview: tuple[int, int, bytes] | None


@dataclass(frozen=True)
class Finished:
    layer: Pixels | None
    data: bytes
    report: dict[str, Any]


class ScriptedStudio:
    device = "script"
    models = (ModelInfo("sketchbook", "Sketchbook", "sd", 64, 20, 5.0),)
    if many := int(os.environ.get("SCRIPTED_MODELS", "0")):
        models += tuple(ModelInfo(f"{n}-{'雪' * 190}", f"{n}", "sdxl", 1024, 30, 5.0) for n in range(many))
    loras, controlnets, vaes = (
        tuple(Extra(f"{n}-{'雪' * 90}", f"{n}", "sdxl") for n in range(int(os.environ.get(name, "0"))))
        for name in ("SCRIPTED_LORAS", "SCRIPTED_CONTROLNETS", "SCRIPTED_VAES")
    )
    edits = (
        EditInfo("differential", "Differential", "", (Parameter("axis", "choice", "steps", "", None, None, ("a",)),)),
    )

    schedulers: ClassVar[dict[str, tuple[str, ...]]] = {"sd": ("DDIM",)}

    def warm_up(self) -> None:
        print("a stray print must not reach the wire")

    def run(
        self, request: Request, canvas: bytes, change_map: bytes, control: bytes, *, on_progress: Any, cancelled: Any
    ) -> Finished:
        act = request.prompt
        if act == "wrong request":
            raise InputError("steps", "Steps 0 cannot be painted: choose at least 1.")
        if act == "a long name":
            raise InputError("unknown_lora", f"There is no LoRA '{'x' * 20_000}'. Leave it out.")
        if act == "raise":
            raise RuntimeError(f"a library quotes: {request.prompt}, {request.negative_prompt}")
        if act == "poison in words":
            raise SfumatoError("unpaintable", "No.") from RuntimeError("the device has been lost: device has been lost")
        if act == "poison":
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        if act == "out of memory":
            raise MemoryError
        for step in range(request.steps):
            if cancelled():
                raise Cancelled
            side = 290 if act == "large previews" else 2
            on_progress(Progressed("painting", step, request.steps, (side, side, bytes(side * side * 3))))
            if act == "die" and step == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            if act == "exit" and step == 1:
                os._exit(7)
            if act == "garbage" and step == 1:
                sys.__stdout__.write("garbage goes to the log")
            if act == "slow":
                time.sleep(STEP)
        if act == "nothing":
            return Finished(None, b"", {"skipped": True})
        data = bytes(255 - value for value in canvas)
        report = {"pid": os.getpid(), "steps": request.steps, "control": digest_of(control)}
        return Finished(replace(request.canvas, digest=digest_of(data)), data, report)


class Broken(ScriptedStudio):
    def __init__(self) -> None:
        raise ImportError("no module named torch")


if __name__ == "__main__":
    main(Broken if "broken" in sys.argv else ScriptedStudio)  # type: ignore[arg-type]
