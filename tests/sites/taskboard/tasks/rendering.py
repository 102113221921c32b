# -*- coding: utf-8 -*-
"""A small renderer like those of REST frameworks: data in, bytes out."""
import json


class JSONRenderer(object):
    media_type = 'application/json'
    charset = None

    def render(self, data, accepted_media_type=None, renderer_context=None):
        return json.dumps(data, ensure_ascii=False, separators=(',', ':')).encode('utf-8')
