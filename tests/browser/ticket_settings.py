"""The example project's settings for a site whose websockets another origin's pages open with tickets."""

from tests.browser.settings import *  # noqa: F403

ROOT_URLCONF = "tests.browser.ticket_urls"
ALLOWED_HOSTS = ["127.0.0.1"]
WS4CHANNELS_ALLOWED_ORIGINS = ["localhost"]
WS4CHANNELS_CLOSE_CODE_ON_REFUSAL = True
