"""Certificates for a test upstream that speaks TLS: one that is good, and one that has expired."""

import shutil
import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple

_CONFIGURATION = """\
[ca]
default_ca = lab
[lab]
database = {folder}/{name}.db
serial = {folder}/{name}.serial
new_certs_dir = {folder}
default_md = sha256
policy = policy
unique_subject = no
x509_extensions = extensions
[policy]
commonName = supplied
[req]
distinguished_name = subject
prompt = no
[subject]
CN = 127.0.0.1
[extensions]
subjectAltName = IP:127.0.0.1
basicConstraints = critical,CA:TRUE
keyUsage = critical,digitalSignature,keyCertSign
subjectKeyIdentifier = hash
"""

_TIMES = {"good": ("20240101000000Z", "20991231235959Z"), "expired": ("20200101000000Z",) * 2}


class Certificates(NamedTuple):
    """Files: `bundle` is what a client trusts, the others are certificates with their key."""

    bundle: Path
    good: Path
    expired: Path

    def context(self) -> ssl.SSLContext:
        """Make a server's context with the good certificate; `load_cert_chain` changes it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.good)
        return context


def have_openssl() -> bool:
    """Say whether certificates can be made here."""
    return shutil.which("openssl") is not None


def make(folder: Path) -> Certificates:
    """Make the certificates, signed by themselves, in a folder."""
    good, expired = (_make(folder, name) for name in ("good", "expired"))
    bundle = folder / "bundle.pem"
    # The expired one is trusted too: so nothing but its date is wrong with it.
    bundle.write_bytes(good.read_bytes() + expired.read_bytes())
    return Certificates(bundle, good, expired)


def _make(folder: Path, name: str) -> Path:
    configuration = folder / f"{name}.cnf"
    configuration.write_text(_CONFIGURATION.format(folder=folder, name=name))
    (folder / f"{name}.db").touch()
    (folder / f"{name}.serial").write_text("01\n")
    key, request, certificate = (folder / f"{name}.{end}" for end in ("key", "csr", "crt"))
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    asking = ["req", "-new", *new_key, "-keyout", str(key), "-out", str(request)]
    start, end = _TIMES[name]
    signing = ["ca", "-batch", "-notext", "-selfsign", "-keyfile", str(key), "-in", str(request)]
    signing += ["-startdate", start, "-enddate", end, "-out", str(certificate)]
    for command in (asking, signing):
        full = ["openssl", *command, "-config", str(configuration)]
        subprocess.run(full, check=True, capture_output=True)
    pem = folder / f"{name}.pem"
    pem.write_bytes(key.read_bytes() + certificate.read_bytes())
    return pem
