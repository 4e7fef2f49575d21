"""The demo: one picture, one map, one prompt, through the real backend.

`command` is the installer's side and needs only Python; the rest runs in the environment that it made.
"""
