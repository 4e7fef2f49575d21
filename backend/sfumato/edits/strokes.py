"""Pictures as a painter's coarse strokes: guides for SDEdit where nobody painted one (arXiv 2108.01073, appendix)."""

from __future__ import annotations

from PIL import Image, ImageFilter

from sfumato.errors import InputError

SIDE = 256  # pixels of the shorter side at which the paper's kernel is meant


def strokes(picture: Image.Image, *, kernel: int = 23, colours: int = 6) -> Image.Image:
    """The picture as simulated strokes: a median filter, then an adaptive palette. RGB, or RGBA with the picture's
    alpha; of the picture's size.

    kernel: side of the median's square in pixels, for a picture whose shorter side is 256; larger pictures are
    filtered at that size, in smaller ones the kernel shrinks with them. colours: 1 to 256.
    Raises InputError for a kernel outside 1 to 256, the whole shorter side, or another number of colours.
    """
    if not 1 <= kernel <= SIDE:
        raise InputError("bad_setting", f"The kernel of the strokes is 1 to {SIDE} pixels; this is {kernel}.")
    if not 1 <= colours <= 256:
        raise InputError("bad_setting", f"Strokes have 1 to 256 colours; this is {colours}.")
    rgba = picture.convert("RGBA")
    paper = Image.new("RGBA", rgba.size, "white")
    colour = Image.alpha_composite(paper, rgba).convert("RGB")
    shorter = min(colour.size)
    working = min(shorter, SIDE)
    size = (max(1, colour.width * working // shorter), max(1, colour.height * working // shorter))
    small = colour if size == colour.size else colour.resize(size, Image.Resampling.BOX)
    odd = kernel * working // SIDE // 2 * 2 + 1
    flat = small.filter(ImageFilter.MedianFilter(odd)).resize(colour.size, Image.Resampling.BICUBIC)
    # Median cut alone, as palettes are usually adapted, spends its colours on large surfaces; a red house turns grey.
    result = flat.quantize(colours, Image.Quantize.MAXCOVERAGE, kmeans=1).convert("RGB")
    if picture.has_transparency_data:
        result.putalpha(rgba.getchannel("A"))
    return result
