"""The example project's settings for the tests in Chromium: under a strict policy, and quick to sign in to."""

from example_project.settings import *  # noqa: F403
from example_project.settings import MIDDLEWARE

MIDDLEWARE = ["tests.browser.policy.strict_content_security_policy", *MIDDLEWARE]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
