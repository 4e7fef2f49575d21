"""Edit-friendly inversion (Huberman-Spiegelglas, Kulikov and Michaeli, arXiv 2304.06140), with a step for every pixel.

The source pass (recording.py) noises the picture to X_i with independent noise and keeps f_source(X_i). The edit runs
the same steps under the prompt. With Delta_i = x_i - X_i the residuals drop out and what is left is

    Delta_{i+1} = A_i Delta_i + B_i g [f_target(X_i + Delta_i) - f_source(X_i)],   Delta = 0 where i < k,

and the result is x0 + Delta_N: the same text gives back the picture, bit for bit, and so does every cell that the map
does not release. eta = 1 is the paper's DDPM inversion, flow models' Euler steps make it FlowEdit (arXiv 2412.08629).
The residual form x_{i+1} = Phi_i(x_i; f_target) + d_i is the same algebra, exact to rounding; Differential Diffusion
with X as its path and d added to every step is this form with a soft map. It can be shifted and tinted.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Literal

import torch
from numpy.typing import NDArray
from sfumato_wire.declared import EditInfo, Parameter
from torch import Tensor

from sfumato.change_map import ChangeMap, M, Rounding, scaled
from sfumato.edits.attention import SHARES, PromptToPrompt
from sfumato.edits.checks import check
from sfumato.edits.differential import AXIS, RELEASE, WHOLE
from sfumato.edits.recording import PathKind, Recording, eta_of, noises, told, wide
from sfumato.edits.retouch import Move, Tint
from sfumato.edits.source_pass import FewSteps, SourcePass
from sfumato.edits.words import Remember, T, Words, made_now
from sfumato.errors import InputError
from sfumato.steering import Axis, Kind, Release, Run

Form = Literal["delta", "residual"]
CLIP = 15.5 / 128  # TurboEdit's norm of the last residual, 15.5 on 4 x 64 x 64 latents, per root of their number

INFO = EditInfo(
    id="edit-friendly",
    name="Edit-friendly inversion",
    help="Changes what the two texts say differently and keeps the picture's structure, also where the map is white. "
    "Another seed, another edit.",
    parameters=(
        Parameter(
            "source_guidance",
            "float",
            2.0,
            "How strongly the picture is taken for what its own text says. Higher changes more of it; published: 3.5.",
            0.0,
            20.0,
            label="Guidance, original",
        ),
        Parameter(
            "keep_structure",
            "float",
            1.0,
            "1 keeps the picture's shapes, 0 lets the model invent them anew.",
            0.0,
            1.0,
            label="Keep shapes",
        ),
        Parameter(
            "gain",
            "float",
            1.0,
            "How much of the difference between the two texts is applied.",
            0.0,
            2.0,
            label="Amount of change",
        ),
        Parameter(
            "attention",
            "bool",
            False,
            "Also look at the same places for the words that both texts share (prompt-to-prompt; SD and SDXL only).",
            label="Hold the places",
        ),
        *SHARES,
        Parameter(
            "eta",
            "float",
            1.0,
            "How much of the noise is the picture's own in every step: 1 as published, 0 none (flow models: always 0).",
            0.0,
            1.0,
            label="Picture's own noise",
        ),
        Parameter(
            "form",
            "choice",
            "delta",
            "How it is worked out: exactly, so that nothing changes where nothing should, or with the picture's "
            "own noise added.",
            choices=("delta", "residual"),
            label="Worked out",
            choice_labels=("exactly", "with noise"),
        ),
        Parameter(
            "few_steps",
            "choice",
            "off",
            "Corrections for models that paint in 4 to 8 steps (TurboEdit); automatic: up to 8 steps. The "
            "guidance is then the strength of the edit: 1 to 2.",
            choices=("off", "auto", "on"),
            label="Few-step model",
            choice_labels=("no", "automatic", "yes"),
        ),
        RELEASE,
        AXIS,
    ),
    source_prompt=True,
    greys_when=(WHOLE,),
)


class EditFriendly(SourcePass):
    """source: the pipeline's arguments that say what the picture shows, and how strongly: prompt or prompt_embeds,
    guidance_scale. The target text is what the steered call says.

    gain, keep: numbers, or maps of their own (white = 1) that fit the picture. gain is g; keep, the setting
    'keep_structure', is kappa: the residual
    d_i counts kappa, and sqrt(1 - kappa^2) s_i of fresh noise stands for the rest, so 1 keeps the structure and 0 is
    SDEdit's. The fresh noise is drawn from the caller's generator, after the recording's.
    few_steps: for models of 4 to 8 steps, TurboEdit's corrections: the recording noises one level cleaner than the
    model is told, the target's negative text is the source (so that guidance is the strength of the edit), and the
    residual form's last d is clipped, which gives up its exact reconstruction.
    attention: prompt-to-prompt, for SD-type UNets. move, tint: see retouch.py; residual form only.
    Inpainting checkpoints are told in both passes that all may change (no `free`): the source pass knows no map, and
    what the two say is compared.
    recording: an earlier edit's, of the same picture, seed, schedule and source; made anew where it covers too little.
    States are the edit's own: what a callback writes into the latents is not seen. Two passes: 2 x n_max model calls.
    """

    def __init__(
        self,
        change_map: ChangeMap,
        source: dict[str, Any],
        form: Form = "delta",
        eta: float = 1.0,
        gain: float | ChangeMap = 1.0,
        keep: float | ChangeMap = 1.0,
        release: Kind = "fractional",
        axis: Axis = "steps",
        path: PathKind = "independent",
        few_steps: FewSteps = "off",
        attention: PromptToPrompt | None = None,
        move: Move | None = None,
        tint: Tint | None = None,
        recording: Recording | None = None,
        remember: Remember = made_now,
    ) -> None:
        if form == "delta" and (move or tint):
            raise InputError("needs_residual", "Shifts and tints act on the residuals: set form to 'residual'.")
        given = {"form": form, "eta": eta, "release": release, "axis": axis, "few_steps": few_steps}
        given |= {n: v for n, v in (("gain", gain), ("keep_structure", keep)) if not isinstance(v, ChangeMap)}
        check([p for p in INFO.parameters if p.name in given], **given)
        super().__init__(source, eta, path, few_steps, attention, recording, remember)
        self.change_map, self.form, self.gain, self.keep = change_map, form, gain, keep
        self.kind, self.axis, self.move, self.tint = release, axis, move, tint

    def plan(self, noise_levels: NDArray[Any], rounding: Rounding, rows: int, columns: int) -> int:
        self.cells = rows, columns
        for weights in (self.gain, self.keep):
            if isinstance(weights, ChangeMap):
                weights.check_fits(columns, rows)
        self.release = Release(self.change_map, self.cells, noise_levels, rounding, self.kind, self.axis)
        return self.release.first

    def begin(self, run: Run) -> Tensor:
        recording = self.recording
        assert recording is not None
        recording.check(run, self._made(run.grid.steps), told(self.source))
        self.grid, self.step_eta = run.grid.wide, eta_of(run.grid, self.eta)
        self.value = run.layout.map(self.release.value, run.x0)
        self.x0 = wide(run.x0)
        self.g, self.kappa = self._weights(run, self.gain), self._weights(run, self.keep)
        if self.kappa is not None:
            noises(run, self.path, self.step_eta)  # already in X: the fresh noise is what comes after
        if self.attention:
            text = recording.text.to(run.x0.device), recording.pooled.to(run.x0.device)
            self.attention.begin(run, lambda: self._kept(run, "states", run.step).to(run.x0.dtype), text)
        self.state = self._reference(run, run.step)
        self.delta = torch.zeros_like(self.state)
        return self.state.to(run.x0.dtype)

    def _weights(self, run: Run, weights: float | ChangeMap) -> Tensor | None:
        """[1, ..., rows, columns] in the denoiser's form; None for 1 everywhere."""
        if isinstance(weights, ChangeMap):
            cells = scaled(weights.cells(*self.cells), weights.strength) / M
            return run.layout.map(cells, run.x0).to(self.x0.dtype)
        return None if weights == 1 else torch.full_like(self.value, weights, dtype=self.x0.dtype)

    def _kept(self, run: Run, what: str, step: int, moved: bool = False) -> Tensor:
        """What was recorded at an outer step, in the denoiser's form."""
        assert self.recording is not None
        tensor: Tensor = getattr(self.recording, what)[step - self.recording.first].to(run.x0.device)
        return run.layout.like(self.move(tensor) if moved and self.move else tensor)

    def _reference(self, run: Run, step: int) -> Tensor:
        """X at an outer step; where the map is black, never moved."""
        moved = self._kept(run, "states", step, moved=True)
        return moved if self.move is None else torch.where(self.value == 0, self._kept(run, "states", step), moved)

    def step(self, run: Run, sample: Tensor, output: Tensor, solve: Callable[[Tensor], Tensor]) -> Tensor:
        call, step = run.call, run.step
        A, B, s = self.grid.affine(call, self.step_eta)
        X, f_source = (self._kept(run, what, step, moved=True) for what in ("states", "outputs"))
        reference = self._reference(run, step + 1)
        f_target = wide(output)
        w = self.release.weight(step, self.value)
        frozen, free = w == 0, w == M
        grid = self.grid
        run.denoised = lambda: torch.where(
            frozen, run.x0, (self.x0 + grid.x0(call, wide(sample), f_target) - grid.x0(call, X, f_source)).to(run.x0)
        )
        if self.form == "delta":
            change = f_target - f_source
            delta = A * self.delta + B * (change if self.g is None else self.g * change)
            if self.kappa is not None:
                d = self._residual(run, s, X, f_source)
                delta = delta + self._loosened(run, s, d) - d
            delta = torch.where(free, delta, torch.where(frozen, 0, delta * (w / M).to(delta)))
            self.delta, self.state = delta, reference + delta
        else:
            f = f_target if self.g is None else f_source + self.g * (f_target - f_source)
            y = A * self.state + B * f + self._loosened(run, s, self._residual(run, s, X, f_source))
            partly = torch.lerp(reference, y, (w / M).to(y))
            self.state = torch.where(free, y, torch.where(frozen, reference, partly))
        return self.state.to(sample.dtype)

    def _residual(self, run: Run, s: Tensor, X: Tensor, f_source: Tensor) -> Tensor:
        """d_i, with what was done to it."""
        d = self._kept(run, "residuals", run.step, moved=True)
        if self.form == "residual" and run.step == run.grid.steps - 1 and self.corrected(run.grid.steps):
            norm = d.flatten(1).norm(dim=1).view(-1, *[1] * (d.ndim - 1))
            d = d * (CLIP * d[0].numel() ** 0.5 / norm).clamp(max=1)
        if self.tint:
            d = d + s * self.tint(run, self.cells, self.grid.x0(run.call, X, f_source))
        return d

    def _loosened(self, run: Run, s: Tensor, d: Tensor) -> Tensor:
        """kappa d + sqrt(1 - kappa^2) s xi."""
        if self.kappa is None:
            return d
        fresh = (1 - self.kappa * self.kappa).clamp(min=0).sqrt() * s * wide(run.randn())
        return self.kappa * d + fresh


def create(
    change_map: ChangeMap,
    words: Words,
    source_guidance: float,
    keep_structure: float,
    gain: float,
    attention: bool,
    cross_steps: float,
    self_steps: float,
    eta: float,
    form: Form,
    few_steps: FewSteps,
    release: Kind,
    axis: Axis,
) -> EditFriendly:
    """The edit as a request's settings describe it; `INFO` declares them."""

    def remember(key: Hashable, make: Callable[[], T]) -> T:
        return words.remember((words.source, source_guidance, key), make)

    control = None
    if attention:
        control = PromptToPrompt(cross_steps, self_steps, words.source, words.prompt, tokens=words.tokens)
    return EditFriendly(
        change_map,
        words.say(words.source) | words.guidance(source_guidance),
        form=form,
        eta=eta,
        gain=gain,
        keep=keep_structure,
        release=release,
        axis=axis,
        few_steps=few_steps,
        attention=control,
        remember=remember,
    )
