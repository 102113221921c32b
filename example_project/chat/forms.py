"""What the browser posts."""

from django import forms
from django.contrib.auth.models import User


class MessageForm(forms.Form):
    """A message to the group.

    The page chooses the id, and may post a message again after an answer that was lost: readers show an id once.
    """

    id = forms.UUIDField(required=False)
    text = forms.CharField(max_length=500)


class DirectMessageForm(MessageForm):
    """A message to one user, named by username, other than the sender and the staff."""

    recipient = forms.ModelChoiceField(User.objects.none(), to_field_name="username", empty_label=None)

    def __init__(self, *args, sender, **kwargs):
        super().__init__(*args, **kwargs)
        others = User.objects.filter(is_active=True, is_staff=False).exclude(pk=sender.pk)
        self.fields["recipient"].queryset = others.order_by("username")
        self.fields["recipient"].widget.attrs["dir"] = "auto"
