"""From settings as they were written to values: checked, or refused in one sentence."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from configobj import ConfigObj
from configobj.validate import Validator

from eggproxy.config.checks import CHECKS
from eggproxy.config.file import Setting
from eggproxy.config.keys import SECTION, Key
from eggproxy.errors import ConfigurationError


def checked(settings: Mapping[str, Setting], keys: Iterable[Key]) -> dict[str, Any]:
    """Check settings by key; one that is missing has its default, or None.

    Raises ConfigurationError, which never shows the value of a secret.
    """
    known = {key.name: key for key in keys}
    spec = [f"[{SECTION}]", *(f"{key.name} = {key.spec}" for key in known.values())]
    texts = {SECTION: {name: setting.text.strip() for name, setting in settings.items()}}
    parsed = ConfigObj(texts, configspec=spec, interpolation=False, list_values=False)
    outcome = parsed.validate(Validator(CHECKS), preserve_errors=True)
    for key in known.values() if outcome is not True else ():
        if outcome is False or outcome[SECTION][key.name] is not True:
            text, where, _ = settings[key.name]
            shown = "unusable (and not shown, as a secret)" if key.secret else repr(text)[:80]
            raise ConfigurationError(f"{where} is {shown}: write {key.expected}.")
    return dict(parsed[SECTION])


def anchored(path: Setting, home: str) -> Path:
    """Make a path absolute: `~` is `home`, a relative one begins where it was written.

    Raises ConfigurationError.
    """
    text = path.text.strip()
    if text.startswith("~"):
        if not home or text[1:2] not in ("", "/"):
            unknown = f"is {text!r}, a home directory that is not known"
            raise ConfigurationError(f"{path.where} {unknown}: write an absolute path.")
        text = home + text[1:]
    return (path.base / text).absolute()
