"""Installs, tries, tests and removes Sfumato: `python3 -m installer`. Needs nothing but Python."""
