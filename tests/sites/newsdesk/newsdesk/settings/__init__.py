import os

# NEWSDESK_ENV is set by the service files
if os.environ.get('NEWSDESK_ENV') == 'production':
    from .production import *
elif os.environ.get('NEWSDESK_ENV') == 'test':
    from .test import *
else:
    from .base import *
