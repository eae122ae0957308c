"""A small HTTP server that answers as the Hugging Face hub does, for the calls that tokens need."""

import base64
import hashlib
import http.server
import json
import re
import threading

USERS = {"hf_anna": "anna"}  # what a login sends -> who that is


class HubStandIn(http.server.ThreadingHTTPServer):
    """Repositories in memory: {"anna/pick-up": {"private": False, "files": {path: bytes}}}."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Answer)
        self.repositories = {}
        self.paths = []  # all that was asked, for tests of what was never asked
        self.address = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class _Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = self.path.partition("?")[0]
        self.server.paths.append(path)
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            if repository := self.repository(match[1]):
                files = repository["files"]
                if match[2] not in (None, "main", sha(files)):
                    return self.error(404, "RevisionNotFound")
                siblings = [{"rfilename": name, "size": len(data)} for name, data in files.items()]
                self.json({"id": match[1], "modelId": match[1], "sha": sha(files), "siblings": siblings, "tags": []})
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            if repository := self.repository(match[1]):
                data = repository["files"].get(match[3])
                if data is None:
                    return self.error(404, "EntryNotFound")
                etag = hashlib.sha1(data).hexdigest()
                self.send(200, data, {"ETag": f'"{etag}"', "X-Repo-Commit": sha(repository["files"])})
        else:
            self.error(404, "")

    do_HEAD = do_GET

    def do_POST(self):
        path = self.path.partition("?")[0]
        self.server.paths.append(path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if path == "/api/validate-yaml":
            return self.json({"errors": [], "warnings": []})
        if not self.user():
            return self.error(401, "")
        if path == "/api/repos/create":
            wanted = json.loads(body)
            name = f"{wanted.get('organization') or self.user()}/{wanted['name']}"
            if not name.startswith(f"{self.user()}/"):
                return self.error(403, "", "You do not have the rights to create a model there")
            private = bool(wanted.get("private")) or wanted.get("visibility") == "private"  # older and newer clients
            there = name in self.server.repositories
            if not there:
                self.server.repositories[name] = {"private": private, "files": {}}
            return self.json({"url": f"{self.server.address}/{name}", "name": name}, 409 if there else 200)
        match = re.fullmatch(r"/api/models/([^/]+/[^/]+)/(preupload|commit)/main", path)
        repository = self.repository(match[1]) if match else self.error(404, "")
        if repository is None:
            return None
        if match[2] == "preupload":
            entry = {"uploadMode": "regular", "shouldIgnore": False}
            return self.json({"files": [{"path": file["path"], **entry} for file in json.loads(body)["files"]]})
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                repository["files"][line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        commit = sha(repository["files"])
        return self.json({"commitUrl": f"{self.server.address}/{match[1]}/commit/{commit}", "commitOid": commit})

    def user(self):
        return USERS.get(self.headers.get("Authorization", "").removeprefix("Bearer "))

    def repository(self, name):
        """The repository, if it is there for who asks; the hub says of a private one that it is not."""
        found = self.server.repositories.get(name)
        if found is None or (found["private"] and not name.startswith(f"{self.user()}/")):
            return self.error(404, "RepoNotFound")
        if found.get("gated"):
            return self.error(403, "GatedRepo")
        return found

    def error(self, status, code, message=""):
        body = json.dumps({"error": message or code}).encode()
        self.send(status, body, {"X-Error-Code": code, "X-Error-Message": message or code})

    def json(self, value, status=200):
        self.send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def send(self, status, data, headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def sha(files):
    """The commit of a repository with these files."""
    return hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
