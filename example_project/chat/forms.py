"""What the browser posts."""

from django import forms
from django.contrib.auth.models import User


class MessageForm(forms.Form):
    """A message to the group."""

    text = forms.CharField(max_length=500)


class DirectMessageForm(MessageForm):
    """A message to one user, named by username, other than the sender."""

    recipient = forms.ModelChoiceField(User.objects.none(), to_field_name="username", empty_label=None)

    def __init__(self, *args, sender, **kwargs):
        super().__init__(*args, **kwargs)
        others = User.objects.filter(is_active=True).exclude(pk=sender.pk)
        self.fields["recipient"].queryset = others.order_by("username")
