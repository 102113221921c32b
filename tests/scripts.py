"""Python processes of their own, where the tests' process has too much running already to show anything."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import Any

from django.conf import settings

from tests.waiting import TIMEOUT

_PRELUDE = """
import logging
import django
from django.conf import settings
# In Python's development mode asyncio warns of callbacks that are slow, as they are on a busy machine.
logging.getLogger("asyncio").setLevel(logging.ERROR)
# Nothing is served here, and Daphne takes long to import.
settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "daphne"]
for name, value in {overrides!r}.items():
    setattr(settings, name, value)
django.setup()
"""


def run_script(code: str, **overrides: Any) -> str:
    """Run `code` in a new interpreter, with Django set up by the tests' settings and `overrides`; return its output.

    Warnings are errors there, and it must end with status 0 and without a word on standard error.
    """
    environment = {"DJANGO_SETTINGS_MODULE": "tests.settings", "WS4CHANNELS_TEST_REDIS_PORT": str(settings.REDIS_PORT)}
    finished = subprocess.run(
        # Python 3.12 warns of forks in processes that have threads, which is what some scripts are about.
        [
            sys.executable,
            "-Xdev",
            "-Werror",
            "-Wignore:This process",
            "-c",
            _PRELUDE.format(overrides=overrides) + textwrap.dedent(code),
        ],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=4 * TIMEOUT,
        check=False,
    )
    assert (finished.returncode, finished.stderr) == (0, ""), finished.stderr
    return finished.stdout
