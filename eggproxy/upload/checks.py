"""Whether what an upload says of its file is true: pure."""

import base64
import binascii
import re
from collections.abc import Mapping

from eggproxy.archives import Contents
from eggproxy.archives.filenames import same_name, same_version
from eggproxy.names import SIBLINGS, NormalizedName, is_filename, is_project_name, normalize
from eggproxy.upload.errors import BrokenFormError, DigestError, MismatchError
from eggproxy.upload.incoming import Digests

_HEX_256 = re.compile("[0-9A-Fa-f]{64}")
_HEX_128 = re.compile("[0-9A-Fa-f]{32}")


def check_filename(filename: str) -> None:
    """Refuse names that no distribution has. Raises BrokenFormError."""
    if not is_filename(filename) or filename.endswith(SIBLINGS) or not filename.isascii():
        raise BrokenFormError("its filename is not that of a distribution")


def project_of(name: str) -> NormalizedName:
    """Normalize the name that a form has. Raises BrokenFormError if it can be no project's."""
    if not is_project_name(name):
        raise BrokenFormError("its name is missing, or not that of a project")
    return normalize(name)


def check_digests(filename: str, fields: Mapping[str, str], digests: Digests) -> None:
    """Compare what was sent along with what has come. Raises DigestError.

    An empty one is none: twine 1.11 sends such. What setuptools 67 sends as `blake2_256_digest` is
    of 512 bits, and nothing that can be compared.
    """
    md5, sha256, blake2 = (
        fields.get(f"{name}_digest", "") for name in ("md5", "sha256", "blake2_256")
    )
    if md5 and _md5(md5) != digests.md5:
        raise DigestError(filename, "MD5")
    if sha256 and sha256.lower() != digests.sha256.hex():
        raise DigestError(filename, "SHA-256")
    if _HEX_256.fullmatch(blake2) and blake2.lower() != digests.blake2_256.hex():
        raise DigestError(filename, "BLAKE2")


def check_contents(filename: str, fields: Mapping[str, str], contents: Contents) -> None:
    """Compare name and version of the form with those inside. Raises MismatchError."""
    name, version = fields.get("name", ""), fields.get("version", "")
    if not same_name(name, contents.name):
        inside = f"that in {filename} is {contents.name}"
        raise MismatchError("names", f"the form has {name}", inside)
    if not same_version(version, contents.version):
        inside = f"that in {filename} is {contents.version}"
        raise MismatchError("versions", f"the form has {version or 'none'}", inside)


def _md5(text: str) -> bytes:
    """Read an MD5 in hex, or in base64url without padding, as is documented for uploads."""
    if _HEX_128.fullmatch(text):
        return bytes.fromhex(text)
    try:
        return base64.urlsafe_b64decode(text.rstrip("=") + "==")
    except (binascii.Error, ValueError):
        return b""
