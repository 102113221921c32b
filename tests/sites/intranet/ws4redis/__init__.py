# -*- coding: utf-8 -*-
# Our copy. Changed: only what publishes (the websockets are on another machine), counts what it sends.
__version__ = '0.6.0+intranet'
