"""A Hugging Face Hub of one process: the endpoints that uploading to a model repository and downloading from it call."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOKEN = "hf_of_a_writer"


class Hub:
    """Repositories as they stand: owner/name → commits, each path → content."""

    def __init__(self) -> None:
        self.commits: dict[str, dict[str, dict[str, bytes]]] = {}
        self.private: set[str] = set()
        self.downloads: list[str] = []
        self.address = ""

    def commit(self, repo: str, files: dict[str, bytes]) -> str:
        """A new commit, the files over those that are there."""
        commits = self.commits.setdefault(repo, {})
        content = {**(list(commits.values())[-1] if commits else {}), **files}
        name = sha1(repr((len(commits), sorted(content))).encode()).hexdigest()
        commits[name] = content
        return name

    def at(self, repo: str, revision: str = "main") -> tuple[str, dict[str, bytes]] | None:
        """The commit that a revision means, and its files."""
        commits = self.commits[repo]
        name = list(commits)[-1] if revision == "main" else revision
        return (name, commits[name]) if name in commits else None


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def _answer(self, status: int, content: bytes = b"{}", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub, parts = self.hub, self.path.strip("/").split("?")[0].split("/")
        repo = "/".join(parts[2:4] if parts[0] == "api" else parts[:2])
        if repo not in hub.commits:
            return self._answer(404, X_Error_Code="RepoNotFound")
        if parts[0] == "api":
            return self._answer(200, json.dumps({"id": repo, "private": repo in hub.private}).encode())
        revision, file = parts[3], "/".join(parts[4:])
        there = hub.at(repo, revision)
        if there is None:
            return self._answer(404, X_Error_Code="RevisionNotFound")
        if file not in there[1]:
            return self._answer(404, X_Error_Code="EntryNotFound", X_Repo_Commit=there[0])
        if self.command == "GET":
            hub.downloads.append(f"{repo}/{file}")
        content = there[1][file]
        self._answer(200, content, X_Repo_Commit=there[0], ETag=f'"{sha1(content).hexdigest()}"')

    def do_POST(self) -> None:
        hub, body = self.hub, self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._answer(401, b'{"error": "Invalid user token."}')
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            repo = f"{asked['organization']}/{asked['name']}"
            if repo in hub.commits:
                return self._answer(409, json.dumps({"url": f"{hub.address}/{repo}"}).encode())
            hub.commit(repo, {})
            hub.private |= {repo} if asked.get("private") else set()
            return self._answer(200, json.dumps({"url": f"{hub.address}/{repo}"}).encode())
        if self.path == "/api/validate-yaml":
            return self._answer(200, b'{"errors": [], "warnings": []}')
        repo = "/".join(self.path.split("/")[3:5])
        if "/preupload/" in self.path:
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            return self._answer(200, json.dumps({"files": files}).encode())
        added = [json.loads(line)["value"] for line in body.splitlines() if json.loads(line)["key"] == "file"]
        commit = hub.commit(repo, {file["path"]: base64.b64decode(file["content"]) for file in added})
        url = f"{hub.address}/{repo}/commit/{commit}"
        self._answer(200, json.dumps({"commitUrl": url, "commitOid": commit}).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serve() -> Iterator[Hub]:
    """A hub on a free port of this machine."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def environment(address: str, home: Path, token: str | None = TOKEN) -> dict[str, str]:
    """What makes huggingface_hub, in a new process, speak to that address and keep its cache in `home`."""
    return {"HF_ENDPOINT": address, "HF_HOME": str(home), "HF_HUB_CACHE": str(home / "hub")} | (
        {"HF_TOKEN": token} if token else {}
    )
