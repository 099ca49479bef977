"""WebDAV servers of other people: wsgidav in an environment of its own, Apache's mod_dav unpacked from Debian's packages."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.cache import Kind, built, digest_of, is_built
from uv_environment import UV, find_uv, sync
from webdav import USER, WebdavServer

PROJECT = Path(__file__).parents[1] / "webdav"
SERVERS = Kind("webdav", newest=2, in_use_s=2 * 3600)

APACHE = ("apache2-bin", "libapr1", "libaprutil1")
"""What has `apache2` and mod_dav; all else of it is on every Debian."""

_MODULES = ("mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "dav", "dav_fs")


class Wsgidav(WebdavServer):
    """See https://wsgidav.readthedocs.io."""

    def command(self, password: str) -> tuple[list[str], dict[str, str]]:
        settings = {
            "host": "127.0.0.1",
            "port": self.port,
            "provider_mapping": {"/": {"root": str(self.folder), "readonly": True}},
            "simple_dc": {"user_mapping": {"*": {USER: {"password": password}}}},
            "logging": {"enable": False},
        }
        path = self.folder.with_name(f"{self.folder.name}-wsgidav.json")
        path.write_text(json.dumps(settings), encoding="utf-8")
        return [str(_environment() / "bin/python"), "-m", "wsgidav.server.server_cli", "--config", str(path)], {}


class ModDav(WebdavServer):
    """Apache; what it serves others may read, for it is not root. It has no right to the folder `closed`."""

    def command(self, password: str) -> tuple[list[str], dict[str, str]]:
        root = _apache()
        beside = self.folder.with_name(f"{self.folder.name}-apache")
        beside.mkdir(exist_ok=True)
        beside.chmod(0o755)
        sha1 = base64.b64encode(hashlib.sha1(password.encode(), usedforsecurity=False).digest()).decode()
        (beside / "users").write_text(f"{USER}:{{SHA}}{sha1}\n", encoding="utf-8")
        modules = "".join(
            f"LoadModule {name}_module {root}/usr/lib/apache2/modules/mod_{name}.so\n" for name in _MODULES
        )
        (beside / "httpd.conf").write_text(
            f"{modules}ServerRoot {beside}\nServerName localhost\nListen 127.0.0.1:{self.port}\nUser #65534\nGroup #65534\n"
            f"PidFile {beside}/pid\nErrorLog {beside}/log\nDavLockDB {beside}/locks\nDocumentRoot {self.folder}\n"
            f"<Directory {self.folder}>\nDav On\nAuthType Basic\nAuthName reef\nAuthUserFile {beside}/users\n"
            "Require valid-user\n</Directory>\n<Location /closed>\nRequire all denied\n</Location>\n",
            encoding="utf-8",
        )
        words = [f"{root}/usr/sbin/apache2", "-d", str(beside), "-f", f"{beside}/httpd.conf", "-DFOREGROUND"]
        return words, {"LD_LIBRARY_PATH": os.pathsep.join(map(str, root.glob("usr/lib/*-linux-gnu")))}


def _environment() -> Path:
    digest = digest_of([(path.name, path) for path in sorted(PROJECT.glob("*.*"))], sys.version)
    uv = find_uv()
    if uv is None and not is_built(SERVERS, "wsgidav", digest):
        pytest.skip(f"wsgidav is not installed: `make .venv/.dev` puts uv at {UV}")

    return built(SERVERS, "wsgidav", digest, lambda folder: sync(str(uv), PROJECT, folder)) / "env"


def _apache() -> Path:
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        pytest.skip("Apache is unpacked from Debian's packages, and this is no Debian")
    told = subprocess.run(["apt-cache", "show", *APACHE], capture_output=True, check=False, timeout=60).stdout
    if not told and not any(SERVERS.folder.glob("apache-*")):
        pytest.skip("no list of Debian's packages: apt-get update")

    def unpack(folder: Path) -> None:
        subprocess.run(["apt-get", "download", "-qq", *APACHE], cwd=folder, check=True, timeout=600)
        for package in sorted(folder.glob("*.deb")):
            subprocess.run(["dpkg", "-x", str(package), str(folder / "root")], check=True, timeout=60)

    return built(SERVERS, "apache", hashlib.sha256(told).hexdigest()[:16], unpack) / "root"
