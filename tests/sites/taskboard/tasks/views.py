from django.http import JsonResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from tasks import live
from tasks.jobs import notify, notify_team
from tasks.live import RedisPublisher


@method_decorator(csrf_exempt, name='dispatch')
class TaskDone(View):
    def post(self, request, pk):
        state = {'task': pk, 'state': 'done', 'by': 'Zoë'}
        notify.delay('tasks', request.user, state)
        notify.delay('watched', request.user, state, watchers=[request.user, 'mary'])
        notify_team.delay('8b0f2a5e-3c1d-4e0b-9f53-6b1f0f1f2a77', 'task %d is done' % pk)
        live.board.publish_message(state)
        RedisPublisher(facility='log', broadcast=True).publish_message([pk])
        live.publisher.RedisPublisher(facility='raw', broadcast=True).publish_message(live.redis_store.RedisMessage('raw'))
        return JsonResponse(state)
