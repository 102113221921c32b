"""The example project's settings for users who are known by a token that the client presents."""

from tests.browser.settings import *  # noqa: F403

WS4CHANNELS_CLOSE_CODE_ON_REFUSAL = True
WS4REDIS_PROCESS_REQUEST = "tests.browser.tokens.process_request"
