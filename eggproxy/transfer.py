"""One transfer of one file by the writer that has its lock: fetched, resumed, verified."""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

from eggproxy.completed import promised_size
from eggproxy.errors import (
    DigestMismatchError,
    EggProxyError,
    NoSuchFileError,
    UpstreamNonsenseError,
    UpstreamUnavailableError,
)
from eggproxy.model import File
from eggproxy.names import NormalizedName
from eggproxy.store import Writer
from eggproxy.store.partial import Announced
from eggproxy.upstream import Missing, RangeRefused, Stream, Upstream, shown

DIGESTS = ("sha256", "sha512", "sha384", "sha3_512", "sha3_256", "blake2b", "sha1", "md5")
"""Digests that are verified, the one that is relied on first."""

_HEX = re.compile(r"[0-9a-fA-F]+", re.ASCII)

TRIES = 3
"""How often a transfer that breaks off is resumed before its clients are cut."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """A file as upstream's page names it; `size` in bytes, `digest` as (name, hex)."""

    project: NormalizedName
    filename: str
    url: str
    size: int | None = None
    digest: tuple[str, str] | None = None
    # The name of the index whose page names it.
    index: str = ""

    @classmethod
    def of(cls, project: NormalizedName, file: File, index: str) -> Self:
        """Want a file as the page of an index lists it."""
        return cls(
            project=project,
            filename=file.filename,
            url=file.url,
            size=promised_size(file),
            digest=strongest(file.hashes),
            index=index,
        )

    @property
    def identity(self) -> str:
        """What a partial must agree in before its bytes are built upon."""
        return "=".join(self.digest) if self.digest else self.url


def strongest(hashes: dict[str, str]) -> tuple[str, str] | None:
    """Choose the digest to rely on."""
    # It becomes a header: upstream's JSON may hold anything.
    usable = (name for name in DIGESTS if _HEX.fullmatch(hashes.get(name, "")))
    return next(((name, hashes[name].lower()) for name in usable), None)


class StartAgain(Exception):  # noqa: N818  a turn, not a fault
    """What was stored was of no use, and is gone; the next writer starts at the first byte."""


class Transfer:
    """One attempt of a writer to make a file whole.

    `on_news` is called when upstream has answered, and when the digest has proved right.
    """

    def __init__(
        self,
        wanted: Wanted,
        writer: Writer,
        upstream: Upstream,
        on_news: Callable[[], None] = lambda: None,
    ) -> None:
        self.on_news = on_news
        # Told when all of the file is right, and lies where it was written.
        self.on_verified: Callable[[], None] = lambda: None
        # Why the file may not be kept, though it was asked for; it is asked at the end, with the
        # SHA-256 of a file without a digest.
        self.refusal: Callable[[str], EggProxyError | None] = lambda _sha256: None
        self.wanted = wanted
        self.writer = writer
        self.upstream = upstream
        # What the caches behind this one have said (RFC 9211).
        self.chain = ""
        # Where upstream names no digest, it is taken to pin what came.
        self.hash = hashlib.new(wanted.digest[0] if wanted.digest else "sha256")

    def run(self) -> str | None:
        """Fetch, verify, and put in place; give the SHA-256 of a file without a digest to verify.

        Raises EggProxyError, StartAgain.
        """
        for block in self.writer.stored():
            self.hash.update(block)
        for attempt in range(1, TRIES + 1):
            before = self.writer.size
            try:
                self._receive()
                break
            except RangeRefused:
                # What is stored is longer than the file, or all of it: only a new start can tell.
                self.writer.discard()
                raise StartAgain from None
            except Missing:
                raise NoSuchFileError(
                    self.wanted.project, self.wanted.filename, "upstream no longer has it"
                ) from None
            except UpstreamUnavailableError:
                moved = self.writer.size > before
                if attempt == TRIES or self.wanted.digest is None or not moved:
                    raise
        self._verify()
        sha256 = "" if self.wanted.digest else self.hash.hexdigest()
        refusal = self.refusal(sha256)
        if refusal is not None:
            self.writer.discard()
            raise refusal
        # Nobody has to wait for the disk.
        self.writer.verified()
        self.on_news()
        self.on_verified()
        self.writer.commit()
        return sha256 or None

    def _receive(self) -> None:
        """Fetch what is missing."""
        announced = self.writer.partial.announced() or Announced()
        have = self.writer.size
        if have and have == self.wanted.size:
            return
        with self.upstream.file(
            self.wanted.url, start=have, validator=announced.validator
        ) as stream:
            self.chain = stream.cache_status
            total = self._total(stream)
            self.writer.partial.announce(
                Announced(
                    total=total,
                    validator=stream.validator,
                    marked=self.writer.marked,
                    chain=stream.cache_status,
                )
            )
            self.on_news()
            for block in self._new_blocks(stream, have):
                self.writer.write(block)
                self.hash.update(block)
                if total is not None and self.writer.size > total:
                    self._refuse("sent more bytes than it announced")
        if total is not None and self.writer.size < total:
            raise UpstreamUnavailableError(shown(self.wanted.url), "broke off its answer")

    def _total(self, stream: Stream) -> int | None:
        """Size of the whole, by the page and by the answer's headers, which must agree."""
        page = self.wanted.size
        if page is not None and stream.total is not None and page != stream.total:
            self._refuse(f"sends {stream.total} bytes where its page says {page}")
        return stream.total if page is None else page

    def _new_blocks(self, stream: Stream, have: int) -> Iterator[bytes]:
        """Pass over what is stored already, where upstream ignores Range.

        Clients hold those bytes; the digest tells in the end whether they were the same.
        """
        skip = have - stream.start
        for block in stream.blocks:
            if skip < len(block):
                yield block[skip:] if skip else block
            skip = max(0, skip - len(block))

    def _verify(self) -> None:
        if self.wanted.digest is None:
            return
        name, expected = self.wanted.digest
        got = self.hash.hexdigest()
        if got != expected:
            self.writer.discard()
            raise DigestMismatchError(
                shown(self.wanted.url),
                self.wanted.filename,
                f"{name} {expected}",
                f"{name} {got}",
            )

    def _refuse(self, why: str) -> None:
        self.writer.discard()
        raise UpstreamNonsenseError(shown(self.wanted.url), why)
