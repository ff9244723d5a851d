"""Uploads of packages of our own, by the API that all upload clients know."""

from eggproxy.upload.body import NoBody, RequestBody, drain
from eggproxy.upload.errors import ClientGoneError, LengthRequiredError
from eggproxy.upload.uploads import Uploads

__all__ = [
    "ClientGoneError",
    "LengthRequiredError",
    "NoBody",
    "RequestBody",
    "Uploads",
    "drain",
]
