from django.http import HttpResponse
from django.views.decorators.csrf import csrf_exempt

from ws4redis import redis_store as store, publisher as pub


@csrf_exempt
def announce(request):
	publisher = pub.RedisPublisher(facility='announcements', broadcast=True)
	publisher.publish_message(store.RedisMessage(request.POST['text']))
	return HttpResponse(', '.join(sorted(publisher._publishers)))