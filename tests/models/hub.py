"""A stand-in for the hub on this machine: what huggingface_hub asks of it, over real HTTP."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

SHA = "0123456789abcdef0123456789abcdef01234567"
NEWER = SHA[::-1]


class Hub:
    """repositories: by OWNER/NAME, a folder. gated: those that want their licence accepted. cut: the next answer with a
    file of more bytes than this ends after so many. sizes: what is claimed of files, by name. pushed: what takes the
    place of the files of main, as a commit of its own, once main was asked about."""

    def __init__(self) -> None:
        self.repositories: dict[str, Path] = {}
        self.gated: set[str] = set()
        self.cut: int | None = None
        self.sizes: dict[str, int] = {}
        self.pushed: Path | None = None
        self.main = SHA
        self.fetched: list[str] = []  # files that were sent
        self.begun_at: list[int] = []  # where, when not at their beginning
        self.url = ""


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *words: object) -> None:
        pass

    def _answer(self, body: bool) -> None:
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            parts = parts[2:] if len(parts) > 4 else [*parts[2:], "revision", "main"]
        name, what, revision, file = "/".join(parts[:2]), *parts[2:4], "/".join(parts[4:])
        sha = self.hub.main if revision == "main" else revision
        folder = self.hub.pushed if sha == NEWER else self.hub.repositories.get(name)
        if folder is None:
            self._send(404, b"", body, {"X-Error-Code": "RepoNotFound"})
        elif name in self.hub.gated:
            self._send(403, b"", body, {"X-Error-Code": "GatedRepo"})
        elif sha not in (SHA, NEWER):
            self._send(404, b"", body, {"X-Error-Code": "RevisionNotFound"})
        elif what == "revision":
            files = [self._entry(folder, path) for path in self._files(folder)]
            siblings = [{"rfilename": entry["path"], "size": entry["size"], "blobId": entry["oid"]} for entry in files]
            self._json({"id": name, "modelId": name, "sha": sha, "siblings": siblings, "private": False}, body)
            if self.hub.pushed:
                self.hub.main = NEWER
        elif what == "tree":
            self._json([self._entry(folder, path) for path in self._files(folder)], body)
        else:
            self._file(folder / file, file, sha, body)

    @staticmethod
    def _files(folder: Path) -> list[Path]:
        return sorted(path for path in folder.rglob("*") if path.is_file())

    def _entry(self, folder: Path, path: Path) -> dict[str, object]:
        name = path.relative_to(folder).as_posix()
        size = self.hub.sizes.get(name, path.stat().st_size)
        return {"type": "file", "path": name, "size": size, "oid": hashlib.sha1(path.read_bytes()).hexdigest()}

    def _json(self, data: object, body: bool) -> None:
        self._send(200, json.dumps(data).encode(), body, {"Content-Type": "application/json"})

    def _file(self, path: Path, name: str, sha: str, body: bool) -> None:
        data = path.read_bytes()
        headers = {"X-Repo-Commit": sha, "ETag": f'"{hashlib.sha1(data).hexdigest()}"', "Accept-Ranges": "bytes"}
        if not body:
            self._send(200, data, False, headers)
            return
        self.hub.fetched.append(name)
        asked = self.headers.get("Range", "").removeprefix("bytes=").partition("-")[0]
        start = int(asked or 0)
        if start:
            self.hub.begun_at.append(start)
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self._send(206 if start else 200, data[start:], True, headers)

    def _send(self, status: int, data: bytes, body: bool, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body and self.hub.cut is not None and len(data) > self.hub.cut:
            data, self.hub.cut = data[: self.hub.cut], None
            self.close_connection = True
        if body:
            self.wfile.write(data)


@contextmanager
def running() -> Iterator[Hub]:
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
