"""The recipe of these tests: every stage in seconds."""

from dataclasses import replace

from sfumato.models.sketchbook.recipe import RECIPES

# Every kind of batch is drawn alike at any number of steps, so that two runs of other lengths can be compared.
SMOKE = replace(RECIPES["smoke"], small_until=1.0)
