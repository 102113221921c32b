"""The forms of the pages: which audience of which facility is meant."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ws4channels.admin.shown_keys import SESSION, shown_key, shown_session
from ws4channels.audience import BROADCAST
from ws4channels.redis_store import MAX_EXPIRE, RedisStore, encode_message, is_heartbeat
from ws4channels.shown import on_one_line

_LONGEST_NAME = 1000
USER, GROUP = "user", "group"
_NAMED = (
    (USER, gettext_lazy("a user")),
    (GROUP, gettext_lazy("a group")),
    (SESSION, gettext_lazy("a session")),
)


class AudienceForm(forms.Form):
    """Whom something is about."""

    def summary(self) -> str:
        """Return in a sentence what the form says, for the admin's log and for the question."""
        raise NotImplementedError

    def about(self) -> str:
        """Return what the entry of the log is about."""
        raise NotImplementedError


class TargetForm(AudienceForm):
    """One audience of one facility."""

    facility = forms.CharField(label=gettext_lazy("Facility"), max_length=_LONGEST_NAME, strip=False)
    audience = forms.ChoiceField(
        label=gettext_lazy("Audience"), choices=((BROADCAST, gettext_lazy("everybody")), *_NAMED)
    )
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=_LONGEST_NAME,
        required=False,
        strip=False,
        help_text=gettext_lazy("The username, the group's name or the session's key; empty for everybody."),
    )

    def clean(self) -> dict[str, Any]:
        """Add ``arguments``, those of RedisPublisher, and the ``key``."""
        data = super().clean() or self.cleaned_data
        if not {"facility", "audience", "name"} <= data.keys():
            return data
        audience, name = data["audience"], data["name"]
        if bool(name) == (audience == BROADCAST):
            self.add_error("name", _("There is no name for everybody.") if name else _("Say whose."))
            return data
        members = {"broadcast": True} if audience == BROADCAST else {f"{audience}s": [name]}
        data["arguments"] = {"facility": data["facility"], **members}
        (data["key"],) = RedisStore()._get_message_channels(**data["arguments"])
        return data

    def about(self) -> str:
        """Return the key."""
        return shown_key(self.cleaned_data["key"])


class PublishingForm(TargetForm):
    """A text, and whom it is for."""

    message = forms.CharField(
        label=gettext_lazy("Text"), strip=False, widget=forms.Textarea(attrs={"rows": 5, "cols": 60})
    )
    expire = forms.IntegerField(
        label=gettext_lazy("Kept for"),
        required=False,
        min_value=0,
        max_value=MAX_EXPIRE,
        help_text=gettext_lazy("Seconds; 0: not kept; empty: as WS4REDIS_EXPIRE says."),
    )

    def clean_message(self) -> str:
        """Refuse what the publisher refuses, and send line breaks as they are meant."""
        text = str(self.cleaned_data["message"]).replace("\r\n", "\n")
        if is_heartbeat(encode_message(text)):
            raise ValidationError(_("This is the heartbeat (WS4REDIS_HEARTBEAT), which is not published."))
        return text

    def summary(self) -> str:
        """Name the key, and say how much is published; not what."""
        size = len(self.cleaned_data["message"].encode("utf-8", "replace"))
        return _("Publish %(size)d bytes to %(key)s.") % {"size": size, "key": self.about()}


class WatchingForm(TargetForm):
    """What is to be watched. Not a session's key: it would stand in addresses, which servers log."""

    audience = forms.ChoiceField(
        label=gettext_lazy("Audience"),
        choices=((BROADCAST, gettext_lazy("everybody")), *(each for each in _NAMED if each[0] != SESSION)),
    )
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=_LONGEST_NAME,
        required=False,
        strip=False,
        help_text=gettext_lazy("The username or the group's name; empty for everybody."),
    )


class KeysForm(forms.Form):
    """Which keys are looked for: of a facility, of somebody, or both."""

    facility = forms.CharField(label=gettext_lazy("Facility"), max_length=_LONGEST_NAME, required=False, strip=False)
    audience = forms.ChoiceField(
        label=gettext_lazy("Of"), choices=(("", gettext_lazy("anybody")), *_NAMED), required=False
    )
    name = forms.CharField(label=gettext_lazy("Name"), max_length=_LONGEST_NAME, required=False, strip=False)

    def clean(self) -> dict[str, Any]:
        """Add ``arguments``, those of find_keys."""
        data = super().clean() or self.cleaned_data
        if {"facility", "audience", "name"} <= data.keys():
            audience, name = data["audience"], data["name"]
            if bool(audience) != bool(name):
                self.add_error(
                    "name", _("Say whose.") if audience else _("Say whether that is a user, a group or a session.")
                )
            data["arguments"] = {"facility": data["facility"] or None, **({audience: name} if audience else {})}
        return data


class ExplainingForm(forms.Form):
    """A handshake, and perhaps a publisher."""

    url = forms.CharField(
        label=gettext_lazy("URL"),
        max_length=8000,
        help_text=gettext_lazy("Of the websocket, or its path and query: /ws/news?subscribe-user"),
    )
    user = forms.CharField(
        label=gettext_lazy("User"),
        max_length=_LONGEST_NAME,
        required=False,
        strip=False,
        help_text=gettext_lazy("The username; empty for nobody."),
    )
    session = forms.CharField(
        label=gettext_lazy("Session"),
        max_length=_LONGEST_NAME,
        required=False,
        help_text=gettext_lazy("The session's key, which is the value of the browser's cookie."),
    )
    origin = forms.CharField(
        label=gettext_lazy("Origin"),
        max_length=_LONGEST_NAME,
        required=False,
        help_text=gettext_lazy("Of the page, such as https://example.com."),
    )
    host = forms.CharField(label=gettext_lazy("Host"), max_length=_LONGEST_NAME, required=False)
    facility = forms.CharField(
        label=gettext_lazy("Published to the facility"),
        max_length=_LONGEST_NAME,
        required=False,
        strip=False,
        help_text=gettext_lazy("Says whether that client receives what is published there."),
    )
    audience = forms.ChoiceField(
        label=gettext_lazy("for"), choices=((BROADCAST, gettext_lazy("everybody")), *_NAMED), required=False
    )
    name = forms.CharField(label=gettext_lazy("Name"), max_length=_LONGEST_NAME, required=False, strip=False)

    def clean(self) -> dict[str, Any]:
        """Add ``asked``, the arguments of explain, and ``publisher``, those of explain_publishing or None."""
        data = super().clean() or self.cleaned_data
        data["asked"] = {each: data.get(each) or None for each in ("user", "session", "origin", "host")}
        data["publisher"] = None
        if data.get("facility"):
            audience, name = data.get("audience") or BROADCAST, data.get("name", "")
            if bool(name) == (audience == BROADCAST):
                self.add_error("name", _("There is no name for everybody.") if name else _("Say whose."))
            members = {"broadcast": True} if audience == BROADCAST else {f"{audience}s": [name]}
            data["publisher"] = {"facility": data["facility"], **members}
        return data


class ClosingForm(AudienceForm):
    """Whose websockets are to be closed."""

    audience = forms.ChoiceField(label=gettext_lazy("Whose"), choices=[each for each in _NAMED if each[0] != GROUP])
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=_LONGEST_NAME,
        strip=False,
        help_text=gettext_lazy("The username or the session's key."),
    )
    facility = forms.CharField(
        label=gettext_lazy("Facility"),
        max_length=_LONGEST_NAME,
        required=False,
        strip=False,
        help_text=gettext_lazy("Empty: all."),
    )

    def clean(self) -> dict[str, Any]:
        """Add ``arguments``, those of close_sockets."""
        data = super().clean() or self.cleaned_data
        if {"audience", "name", "facility"} <= data.keys():
            data["arguments"] = {data["audience"]: data["name"], "facility": data["facility"] or None}
        return data

    def summary(self) -> str:
        """Say whose websockets are closed."""
        facility = self.cleaned_data["facility"]
        if facility:
            words = {"whose": self.about(), "facility": on_one_line(facility)}
            return _("Close the websockets of %(whose)s in the facility %(facility)s.") % words
        return _("Close the websockets of %s.") % self.about()

    def about(self) -> str:
        """Name the user or session."""
        name = self.cleaned_data["name"]
        if self.cleaned_data["audience"] == USER:
            return _("the user %s") % on_one_line(name)
        return _("the session %s") % shown_session(name)
