"""Pages alone: a process that publishes and serves no websocket. Run as a script, it serves them on a free port."""

import os
from wsgiref.simple_server import make_server

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.live.site.settings")

application = get_wsgi_application()

if __name__ == "__main__":
    with make_server("127.0.0.1", 0, application) as server:
        print(f"Listening on http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()
