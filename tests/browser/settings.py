"""The example project's settings for the tests in Chromium: under a strict policy, and quick to sign in to."""

from tests.example.settings import *  # noqa: F403
from tests.example.settings import MIDDLEWARE

MIDDLEWARE = ["tests.browser.policy.strict_content_security_policy", *MIDDLEWARE]
