"""The pages of the three chats; the user and the group chat also take the messages that their pages post."""

import json

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from ws4channels.publisher import RedisPublisher
from ws4channels.redis_store import SELF, RedisMessage

from .forms import DirectMessageForm, MessageForm

CHATTERS = "chatters"


@require_safe
def broadcast_chat(request):
    """Browsers publish here by themselves, over the websocket: see broadcast.html and chat.js."""
    return render(request, "chat/broadcast.html")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def user_chat(request):
    form = DirectMessageForm(request.POST or None, sender=request.user)
    if request.method != "POST":
        return render(request, "chat/user.html", {"form": form})
    if not form.is_valid():
        return JsonResponse(form.errors, status=400)
    recipient = form.cleaned_data["recipient"].get_username()
    # SELF: the sender's other windows, and this one, show what was sent.
    publisher = RedisPublisher(facility="user-chat", users=[recipient, SELF], request=request)
    publisher.publish_message(chat_message(request.user, form.cleaned_data["text"], to=recipient))
    return HttpResponse(status=204)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def group_chat(request):
    if not request.user.groups.filter(name=CHATTERS).exists():
        raise PermissionDenied
    form = MessageForm(request.POST or None)
    if request.method != "POST":
        return render(request, "chat/group.html", {"form": form})
    if not form.is_valid():
        return JsonResponse(form.errors, status=400)
    publisher = RedisPublisher(facility="group-chat", groups=[CHATTERS])
    publisher.publish_message(chat_message(request.user, form.cleaned_data["text"]))
    return HttpResponse(status=204)


def chat_message(sender, text, **extra):
    """Return the message as JSON. Who sent it is said by the server, which knows, and not by the browser."""
    content = {"from": sender.get_username(), "text": text, "at": timezone.now().isoformat(), **extra}
    return RedisMessage(json.dumps(content))
