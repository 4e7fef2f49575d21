"""The backend's process wherever it runs: here it is started and stopped, on another computer only called."""

from __future__ import annotations

from .backend import Backend
from .client import Client
from .remote import RemoteBackend, Wrong


class Anywhere:
    """What the controller takes for the process."""

    def __init__(self, here: Backend, there: RemoteBackend, client: Client) -> None:
        self._here, self._there, self._client = here, there, client

    def command(self) -> list[str]:
        """How it is started, as words; empty when there is none."""
        return [self._there.address] if self._there.is_set else self._here.command()

    def start(self) -> None:
        if self._there.is_set:
            self._there.connect()
            self._client.redial()
        else:
            self._here.start()

    def met(self, pid: int) -> None:
        self._here.met(pid)

    def stop(self) -> bool:
        if not self._there.is_set:
            return self._here.stop()
        self._there.disconnect()
        self._client.redial()
        return True

    def is_starting_or_running(self) -> bool:
        return not self._there.is_set and self._here.is_starting_or_running()

    def failure(self) -> str:
        return "" if self._there.is_set else self._here.failure()

    def move(self, address: str, token: str) -> str:
        """From now on the one at that address counts; "": the one here. What is wrong with it, or ""."""
        try:
            if address:
                self._there.choose(address, token)
            else:
                self._there.forget()
        except Wrong as wrong:
            return str(wrong)
        self._client.redial()
        return ""
