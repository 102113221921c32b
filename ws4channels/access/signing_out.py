"""Close a session's websockets when its user signs out or it is deleted: receivers of Django's signals."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any

from django.conf import settings as django_settings
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models.signals import post_delete
from django.utils import timezone

from ws4channels import settings
from ws4channels.access.session_ends import session_ends


def connect_receivers() -> None:
    """Listen from now on. Called once, when Django's apps are ready."""
    user_logged_out.connect(_on_sign_out, dispatch_uid="ws4channels.on_sign_out")
    model = _session_model()
    if model is None:
        user_logged_in.connect(_on_sign_in, dispatch_uid="ws4channels.on_sign_in")
    elif getattr(django_settings, "WS4CHANNELS_CLOSE_ON_SIGN_OUT", True) is not False:
        # Not where it would have no effect: with a receiver, Django loads what it deletes.
        post_delete.connect(_on_deletion, sender=model, dispatch_uid="ws4channels.on_deletion")


def _session_model() -> Any:
    """Return the model in which sessions are stored, or None where they are elsewhere."""
    try:
        store = import_module(django_settings.SESSION_ENGINE).SessionStore
        return store.get_model_class() if hasattr(store, "get_model_class") else None
    except (ImportError, RuntimeError):
        # RuntimeError: the setting's default, on a site without django.contrib.sessions. Commands of a site run without
        # its sessions; whoever asks for one is told what is wrong with the engine.
        return None


def _on_sign_out(sender: Any, request: Any, **kwargs: Any) -> None:
    # Django sends this before it deletes the session. Who comes back with it in between is turned away as well.
    _end(getattr(getattr(request, "session", None), "session_key", None), DEFAULT_DB_ALIAS)


def _on_sign_in(sender: Any, request: Any, **kwargs: Any) -> None:
    """End the session that this one takes the place of: that of another user, or of the visitor before."""
    former = getattr(request, "COOKIES", {}).get(django_settings.SESSION_COOKIE_NAME)
    if former != getattr(getattr(request, "session", None), "session_key", None):
        _end(former, DEFAULT_DB_ALIAS)


def _on_deletion(sender: Any, instance: Any, using: str, **kwargs: Any) -> None:
    # Those that have expired are deleted in great numbers, by clearsessions.
    if instance.expire_date > timezone.now():
        _end(instance.session_key, using)


def _end(session_key: str | None, using: str) -> None:
    """Close a session's websockets, once the transaction that ends it is committed."""
    if not session_key or not settings.WS4CHANNELS_CLOSE_ON_SIGN_OUT:
        return
    tell = partial(session_ends.send, session_key)
    if transaction.get_connection(using).in_atomic_block:
        transaction.on_commit(tell, using=using)
    else:
        tell()
