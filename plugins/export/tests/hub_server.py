"""A server that speaks as much of the hub's protocol as its own client needs to push and to load."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml


@dataclass
class Repository:
    """A repository with one branch.

    Attributes:
        private: whether it asks for the token.
        files: content by name.
        commits: how many there were.
    """

    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: int = 0

    @property
    def sha(self) -> str:
        """The name of the last commit."""
        return hashlib.sha1(str(self.commits).encode()).hexdigest()


class HubServer:
    """The hub, on a free port of this machine.

    Attributes:
        repositories: by name.
        requests: the method and path of each request.
        token: what private repositories and every change ask for.
    """

    token = "hf_secret"

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.requests: list[str] = []
        self.blobs: dict[str, bytes] = {}
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _json(self, value: Any, status: int = 200) -> None:
        self._send(status, json.dumps(value).encode(), Content_Type="application/json")

    def _missing(self, code: str) -> None:
        self._send(404, b'{"error": "not found"}', X_Error_Code=code)

    def _repository(self, name: str) -> Repository | None:
        found = self.hub.repositories.get(name)
        known = self.headers.get("Authorization") == f"Bearer {self.hub.token}"
        return found if found and (known or not found.private) else None

    def do_GET(self) -> None:
        """Information on a repository, the list of its files, a file."""
        self.hub.requests.append(f"{self.command} {self.path}")
        path = self.path.partition("?")[0].strip("/")
        parts = path.split("/")
        if parts[:2] == ["api", "models"]:
            name = "/".join(parts[2:4])
            repository = self._repository(name)
            if repository is None:
                return self._missing("RepoNotFound")
            if "tree" in parts:
                return self._json([_entry(*one) for one in repository.files.items()])
            siblings = [{"rfilename": one} for one in repository.files]
            about = {"id": name, "private": repository.private, "sha": repository.sha}
            return self._json({**about, "siblings": siblings, "tags": [], "downloads": 0})
        name, file = "/".join(parts[:2]), "/".join(parts[4:])
        repository = self._repository(name)
        if repository is None:
            return self._missing("RepoNotFound")
        if file not in repository.files:
            return self._missing("EntryNotFound")
        content = repository.files[file]
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        return self._send(200, content, ETag=etag, X_Repo_Commit=repository.sha)

    do_HEAD = do_GET

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_POST(self) -> None:
        """A new repository, how files are to be sent, large files, a commit."""
        self.hub.requests.append(f"POST {self.path}")
        body, parts = self._body(), self.path.strip("/").split("/")
        if self.path == "/api/validate-yaml":
            head = json.loads(body)["content"].split("---")[1]
            errors = [] if isinstance(yaml.safe_load(head), dict) else [{"message": "no mapping"}]
            return self._json({"errors": errors, "warnings": []})
        if self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            return self._json({"error": "Invalid credentials"}, 401)
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            private = asked.get("private") or asked.get("visibility") == "private"
            self.hub.repositories[name] = Repository(bool(private))
            return self._json({"url": f"{self.hub.url}/{name}", "id": name})
        if self.path.endswith("/preupload/main"):
            files = [
                {
                    "path": one["path"],
                    "uploadMode": "lfs"
                    if one["path"].endswith((".safetensors", ".onnx"))
                    else "regular",
                    "shouldIgnore": False,
                    "oid": None,
                }
                for one in json.loads(body)["files"]
            ]
            return self._json({"files": files})
        if self.path.endswith("/info/lfs/objects/batch"):
            objects = [
                {**one, "actions": {"upload": {"href": f"{self.hub.url}/blobs/{one['oid']}"}}}
                for one in json.loads(body)["objects"]
            ]
            return self._json({"transfer": "basic", "objects": objects})
        repository = self.hub.repositories["/".join(parts[2:4])]
        for line in body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                repository.files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                repository.files[value["path"]] = self.hub.blobs[value["oid"]]
        repository.commits += 1
        url = f"{self.hub.url}/{'/'.join(parts[2:4])}/commit/{repository.sha}"
        return self._json({"success": True, "commitOid": repository.sha, "commitUrl": url})

    def do_PUT(self) -> None:
        """The content of a large file."""
        body = self._body()
        oid = self.path.rpartition("/")[2]
        if hashlib.sha256(body).hexdigest() != oid:
            return self._json({"error": "wrong content"}, 400)
        self.hub.blobs[oid] = body
        return self._send(200)


def _entry(name: str, content: bytes) -> dict[str, Any]:
    return {"type": "file", "path": name, "size": len(content), "oid": "0" * 40}
