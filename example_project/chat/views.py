"""The pages of the three chats; the user and the group chat also take the messages that their pages post."""

import json
import uuid

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from ws4channels.publisher import RedisPublisher
from ws4channels.redis_store import SELF, RedisMessage

from .activity import log_publishing
from .forms import DirectMessageForm, MessageForm

CHATTERS = "chatters"


@require_safe
def broadcast_chat(request):
    """Browsers publish here over the websocket: see broadcast.html and chat.js."""
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
    message = chat_message(request.user, form, to=recipient)
    publisher.publish_message(message)
    log_publishing(request.user, "user-chat", message)
    return HttpResponse(status=204)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def group_chat(request):
    if not request.user.groups.filter(name=CHATTERS).exists():
        return render(request, "403.html", status=403)
    form = MessageForm(request.POST or None)
    if request.method != "POST":
        return render(request, "chat/group.html", {"form": form})
    if not form.is_valid():
        return JsonResponse(form.errors, status=400)
    publisher = RedisPublisher(facility="group-chat", groups=[CHATTERS])
    message = chat_message(request.user, form)
    publisher.publish_message(message)
    log_publishing(request.user, "group-chat", message)
    return HttpResponse(status=204)


def chat_message(sender, form, **extra):
    """Return the message as JSON. The server says who sent it: it knows, and the browser could lie."""
    content = {
        "id": (form.cleaned_data["id"] or uuid.uuid4()).hex,
        "from": sender.get_username(),
        "text": form.cleaned_data["text"],
        "at": timezone.now().isoformat(),
        **extra,
    }
    return RedisMessage(json.dumps(content))
