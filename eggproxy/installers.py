"""What an installer says of itself and of its machine, and which wheels it can use so.

pip and uv send it as JSON behind their name in User-Agent, for the statistics of the index. What a
request came with is known to the thread that answers it, and to those it starts.
"""

import functools
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar

import msgspec
from packaging import tags
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

_LONGEST = 2000
_PARTS, _MOST_TAGS = 3, 200
_MACHINE = re.compile(r"[0-9a-z_]{1,20}", re.ASCII)

# Where nothing is said of it: what all living distributions have, and more.
_GLIBC, _MUSL = 40, 2
_HIGHEST, _HIGHEST_PYTHON = 45, 25
_OLDEST_GLIBC = {"x86_64": 5, "i686": 5}
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_PLATFORMS = {"Linux": "linux", "Darwin": "darwin", "Windows": "win32"}
_WINDOWS = {"amd64": "win_amd64", "x86_64": "win_amd64", "arm64": "win_arm64", "x86": "win32"}

_user_agent: ContextVar[str] = ContextVar("user_agent", default="")


class _Named(msgspec.Struct, frozen=True):
    name: str | None = None
    version: str | None = None


class _Libc(msgspec.Struct, frozen=True):
    lib: str | None = None
    version: str | None = None


class _Distribution(msgspec.Struct, frozen=True):
    version: str | None = None
    libc: _Libc | None = None


class _Installer(msgspec.Struct, frozen=True):
    """What is said; all of it may be missing."""

    python: str | None = None
    cpu: str | None = None
    implementation: _Named | None = None
    system: _Named | None = None
    distro: _Distribution | None = None


def enter(user_agent: str | None) -> None:
    """Begin to answer a request that came with a User-Agent header."""
    text = user_agent or ""
    _user_agent.set(text if len(text) <= _LONGEST else "")


def current() -> str:
    """Give what the request came with that is being answered."""
    return _user_agent.get()


def best_wheel(filenames: Iterable[str]) -> str | None:
    """Choose the wheel that whoever asks would choose of one version; None if there is none.

    Of an installer that does not say what it runs on, only that is known which suits all.
    """
    ranks = _ranks(_user_agent.get())
    found = [(rank, name) for name in filenames if (rank := _rank(name, ranks)) is not None]
    return min(found)[1] if found else None


def takes(requires_python: str) -> bool:
    """Say whether whoever asks can use what requires these versions of Python (PEP 345)."""
    environment = _environment(_user_agent.get())
    if environment is None or not requires_python:
        return True
    return _allows(requires_python, environment["python_full_version"])


def environment() -> Mapping[str, str] | None:
    """Give what markers of requirements are about (PEP 508); None where that is not said."""
    return _environment(_user_agent.get())


@functools.lru_cache(maxsize=1000)
def _allows(specifier: str, version: str) -> bool:
    try:
        return SpecifierSet(specifier).contains(version, prereleases=True)
    except InvalidSpecifier:
        return True


@functools.lru_cache(maxsize=8)
def _environment(user_agent: str) -> Mapping[str, str] | None:
    said = _read(user_agent)
    try:
        release = Version(said.python or "").release
    except InvalidVersion:
        return None
    implementation = (said.implementation and said.implementation.name) or ""
    system = (said.system and said.system.name) or ""
    # All that there is: what is missing would be taken from this very machine.
    return {
        "extra": "",
        "implementation_name": implementation.lower(),
        "implementation_version": said.python or "",
        "os_name": "nt" if system == "Windows" else "posix",
        "platform_machine": said.cpu or "",
        "platform_python_implementation": implementation,
        "platform_release": "",
        "platform_system": system,
        "platform_version": "",
        "python_full_version": said.python or "",
        "python_version": ".".join(map(str, release[:2])),
        "sys_platform": _PLATFORMS.get(system, ""),
    }


def _rank(filename: str, ranks: Mapping[tags.Tag, int]) -> int | None:
    usable = _usable("-".join(filename.removesuffix(".whl").rsplit("-", 3)[1:]))
    return min((ranks[tag] for tag in usable if tag in ranks), default=None)


@functools.lru_cache(maxsize=2000)
def _usable(compressed: str) -> frozenset[tags.Tag]:
    """Read the tags at the end of a wheel's name (PEP 425); few, of thousands of wheels."""
    parts = compressed.split("-")
    # The name of a wheel can stand for a million of them.
    many = math.prod(part.count(".") + 1 for part in parts) > _MOST_TAGS
    return frozenset() if many or len(parts) != _PARTS else tags.parse_tag(compressed)


@functools.lru_cache(maxsize=8)
def _ranks(user_agent: str) -> Mapping[tags.Tag, int]:
    """Rank the tags (PEP 425) of the wheels that an installer can use, the best one first."""
    return {tag: rank for rank, tag in reversed(list(enumerate(_tags(user_agent))))}


def _tags(user_agent: str) -> Iterator[tags.Tag]:
    said = _read(user_agent)
    python = _numbers(said.python)
    if len(python) < 2 or python[0] < 3:  # noqa: PLR2004  only 3.something is of use
        yield tags.Tag("py3", "none", "any")
        return
    # Without any, it would be those of this machine.
    platforms = list(_platforms(said)) or ["unknown"]
    python = (python[0], min(python[1], _HIGHEST_PYTHON))
    interpreter = f"cp{python[0]}{python[1]}"
    if said.implementation is not None and said.implementation.name == "CPython":
        yield from tags.cpython_tags(python, [interpreter], platforms)
    yield from tags.compatible_tags(python, interpreter, platforms)


def _read(user_agent: str) -> _Installer:
    try:
        return msgspec.json.decode(user_agent.partition(" ")[2], type=_Installer)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _Installer()


def _platforms(said: _Installer) -> Iterator[str]:
    machine = (said.cpu or "").lower()
    system = said.system.name if said.system is not None else None
    if system is None or not _MACHINE.fullmatch(machine):
        return
    if system == "Linux":
        libc = said.distro.libc if said.distro is not None else None
        yield from _linux(libc or _Libc(), machine)
    elif system == "Darwin":
        version = _numbers(said.distro.version if said.distro is not None else None)
        if version:
            yield from tags.mac_platforms((version[0], (*version, 0)[1]), machine)
    elif system == "Windows" and machine in _WINDOWS:
        yield _WINDOWS[machine]


def _linux(libc: _Libc, machine: str) -> Iterator[str]:
    """Name the platforms of Linux (PEP 600, PEP 656)."""
    if libc.lib == "musl":
        for minor in range(_minor(libc, _MUSL), -1, -1):
            yield f"musllinux_1_{minor}_{machine}"
        return
    for minor in range(_minor(libc, _GLIBC), _OLDEST_GLIBC.get(machine, 17) - 1, -1):
        yield f"manylinux_2_{minor}_{machine}"
        if minor in _LEGACY:
            yield f"{_LEGACY[minor]}_{machine}"


def _minor(libc: _Libc, usual: int) -> int:
    """Read the second number of a version of libc, which is all that ever changes."""
    numbers = _numbers(libc.version)
    return numbers[1] if len(numbers) > 1 else usual


def _numbers(version: str | None) -> tuple[int, ...]:
    """Read two numbers of a version, `3.11.2` or `2.36`; fewer where there are fewer.

    None is beyond `_HIGHEST`: for each combination of all below there is a tag.
    """
    return tuple(min(int(part), _HIGHEST) for part in re.findall(r"\d{1,3}", version or "")[:2])
