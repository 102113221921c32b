# -*- coding: utf-8 -*-
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.views.decorators.csrf import csrf_exempt
from ws4redis.publisher import RedisPublisher
from ws4redis.redis_store import RedisMessage


@csrf_exempt
def pin(request):
    """Pin a note to the board of everybody, or of a colleague."""
    note = RedisMessage(request.POST['note'])
    if 'to' in request.POST:
        colleague = User.objects.get(username=request.POST['to'])
        RedisPublisher(facility='board', users=[colleague]).publish_message(note)
    else:
        RedisPublisher(facility='board', broadcast=True).publish_message(note, expire=3600)
    return HttpResponse(u'Angeheftet für alle')
