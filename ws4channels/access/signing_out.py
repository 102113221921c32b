"""Close a session's websockets when its user signs out or it is deleted: receivers of Django's signals."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from importlib import import_module
from typing import Any

from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models.signals import post_delete, pre_save
from django.utils import timezone

from ws4channels import settings
from ws4channels.access.closing_thread import closing_thread
from ws4channels.access.tickets import primary_key_of, tickets_mark
from ws4channels.closing import CloseCommand, build_session_end


def connect_receivers() -> None:
    """Listen from now on. Called once, when Django's apps are ready."""
    user_logged_out.connect(_on_sign_out, dispatch_uid="ws4channels.on_sign_out")
    model = _session_model()
    if model is None:
        user_logged_in.connect(_on_sign_in, dispatch_uid="ws4channels.on_sign_in")
    elif getattr(django_settings, "WS4CHANNELS_CLOSE_ON_SIGN_OUT", True) is not False:
        # Not where it would have no effect: with a receiver, Django loads what it deletes.
        post_delete.connect(_on_deletion, sender=model, dispatch_uid="ws4channels.on_deletion")
    if getattr(django_settings, "WS4CHANNELS_CLOSE_ON_RENAME", False):
        # Not otherwise: it costs a query each time that a user is saved.
        pre_save.connect(_on_user_save, sender=get_user_model(), dispatch_uid="ws4channels.on_user_save")


def _session_model() -> Any:
    """Return the model in which sessions are stored, or None where they are elsewhere."""
    try:
        store = import_module(django_settings.SESSION_ENGINE).SessionStore
        return store.get_model_class() if hasattr(store, "get_model_class") else None
    except (ImportError, RuntimeError):
        # RuntimeError: the setting's default, on a site without django.contrib.sessions. Commands of a site run without
        # its sessions; asking for one raises an error that names the engine.
        return None


def _on_sign_out(sender: Any, request: Any, user: Any = None, **kwargs: Any) -> None:
    # Django sends this before it deletes the session. Who comes back with it in between is turned away as well.
    _end(getattr(getattr(request, "session", None), "session_key", None), DEFAULT_DB_ALIAS)
    if settings.WS4CHANNELS_CLOSE_ON_SIGN_OUT and isinstance(user, get_user_model()):
        _send_on_commit(CloseCommand(session=tickets_mark(primary_key_of(user))), DEFAULT_DB_ALIAS)


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
    if session_key and settings.WS4CHANNELS_CLOSE_ON_SIGN_OUT:
        _send_on_commit(build_session_end(session_key), using)


def _on_user_save(
    sender: Any, instance: Any, raw: bool, using: str, update_fields: Collection[str] | None, **kwargs: Any
) -> None:
    """Close the websockets of a user who gets another name: they are subscribed under the old one."""
    field = sender.USERNAME_FIELD
    if raw or instance.pk is None or (update_fields is not None and field not in update_fields):
        return
    former = sender._default_manager.using(using).filter(pk=instance.pk).values_list(field, flat=True).first()
    if former is not None and former != instance.get_username():
        _send_on_commit(CloseCommand(user=str(former)), using)


def _send_on_commit(command: CloseCommand, using: str) -> None:
    send = partial(closing_thread.send, command)
    if transaction.get_connection(using).in_atomic_block:
        transaction.on_commit(send, using=using)
    else:
        send()
