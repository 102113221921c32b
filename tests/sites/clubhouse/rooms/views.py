from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.csrf import csrf_exempt

from ws4redis.redis_store import SELF, RedisMessage
from ws4redis.publisher import RedisPublisher

from rooms.channels import RoomPublisher
from rooms.models import Room


def room(request, slug):
    return render(request, "rooms/room.html", {"room": get_object_or_404(Room, slug=slug)})


@csrf_exempt
def say(request, slug):
    """Post to a room; a copy goes to the other windows of whoever speaks."""
    if not request.user.is_authenticated:
        return HttpResponse(status=403)
    text = "%s: %s" % (request.user.email or request.user.username, request.POST["text"])
    RoomPublisher(facility=slug, room=slug).publish_message(RedisMessage(text))
    RedisPublisher(facility="mine", users=[SELF], request=request).publish_message(RedisMessage(text))
    kept = RedisPublisher().fetch_message(request, "mine", "user")
    return JsonResponse({"kept": kept.decode("utf-8")})
