"""Make the site's database with one user who is signed in, and print the Cookie header of that session.

Run once as ``python -m benchmarks.site.prepare`` before any server starts.
"""

import django
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command


def sign_in(username: str) -> str:
    """Return the key of a new session in which ``username`` is signed in."""
    user = get_user_model().objects.create_user(username, password="secret")
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return str(session.session_key)


def main() -> None:
    django.setup()
    call_command("migrate", verbosity=0)
    print(f"{settings.SESSION_COOKIE_NAME}={sign_in('john')}")


if __name__ == "__main__":
    main()
