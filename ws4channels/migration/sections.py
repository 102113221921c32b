"""Find the section and the key of a place in an ini or TOML file."""

import re

_HEADER = re.compile(r"^[ \t]*\[{1,2}[ \t]*([^\]\n]+?)[ \t]*\]{1,2}[ \t]*(?:[#;].*)?\r?$", re.M)
_KEY = re.compile(r"^[\"']?([\w.-]+)[\"']?[ \t]*=", re.M)


def place_of(text: str, offset: int) -> tuple[str, str]:
    """Return the section and the key that hold the character at `offset`; each is empty where there is none."""
    section, start = "", 0
    for header in _HEADER.finditer(text, 0, offset):
        # An array in TOML may have lines that begin with a bracket as well, but not with a name in it.
        if not header[1].startswith(("'", '"', "[")) or '".' in header[1]:
            section, start = header[1].replace('"', "").replace("'", ""), header.end()
    end = text.find("\n", offset)
    keys = [found[1] for found in _KEY.finditer(text, start, len(text) if end < 0 else end)]
    return section, keys[-1] if keys else ""
