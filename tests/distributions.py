"""Small distributions that real clients can install, made in memory."""

import base64
import hashlib
import io
import random
import tarfile
import zipfile
from collections.abc import Iterable
from typing import NamedTuple

TIME = (2024, 1, 2, 3, 4, 4)


class Distribution(NamedTuple):
    """A file for `Upstream.add`; an sdist has no metadata file of its own."""

    filename: str
    content: bytes
    metadata: bytes


def make_wheel(
    name: str, version: str, *, requires: Iterable[str] = (), python: str = "", size: int = 0
) -> Distribution:
    """Make a wheel with one module; `size` bytes of noise make it so much bigger."""
    module = name.replace("-", "_").replace(".", "_").lower()
    info = f"{module}-{version}.dist-info"
    metadata = make_metadata(name, version, requires, python)
    files = {
        f"{module}.py": f"version = {version!r}\n".encode(),
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if size:
        files[f"{module}_noise.bin"] = random.Random(module).randbytes(size)  # noqa: S311
    record = [f"{path},sha256={_record_digest(data)},{len(data)}" for path, data in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    return Distribution(f"{module}-{version}-py3-none-any.whl", _zip(files), metadata)


def make_sdist(
    name: str, version: str, *, requires: Iterable[str] = (), stem: str = ""
) -> Distribution:
    """Make a source distribution with a setup.py.

    `stem` is its name in the filename, where that is not the normalized one: easy_install and
    old buildouts know `zope.event-1.0.tar.gz` but not `zope_event-1.0.tar.gz`.
    """
    module = name.replace("-", "_").replace(".", "_").lower()
    top = f"{stem or module}-{version}"
    setup = (
        "from setuptools import setup\n"
        f"setup(name={name!r}, version={version!r}, py_modules=[{module!r}],\n"
        f"      install_requires={list(requires)!r}, zip_safe=True)\n"
    )
    metadata = make_metadata(name, version, requires, "")
    files = {
        f"{top}/PKG-INFO": metadata,
        f"{top}/setup.py": setup.encode(),
        f"{top}/{module}.py": f"version = {version!r}\n".encode(),
    }
    return Distribution(f"{top}.tar.gz", _tar(files), metadata)


def make_metadata(name: str, version: str, requires: Iterable[str], python: str) -> bytes:
    """Write core metadata 2.1."""
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Python: {python}"] if python else []
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    return "\n".join([*lines, "", ""]).encode()


def _record_digest(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return digest.rstrip(b"=").decode()


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(path, TIME), data)
    return buffer.getvalue()


def _tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for path, data in files.items():
            member = tarfile.TarInfo(path)
            member.size, member.mtime = len(data), 1704164644
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()
