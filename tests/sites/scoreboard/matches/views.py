import json

from django.http import JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from ws4redis import publisher, redis_store

from matches.fans import follow


def index(request):
    if request.GET.get('follow'):
        follow(request, request.GET['follow'])
    return render(request, 'matches/index.html')


@csrf_exempt
def goal(request, match):
    score = redis_store.RedisMessage(json.dumps({'match': str(match), 'score': request.POST['score']}))
    # the followers of the match, and whoever asked to be told by e-mail address
    emails = [email for email in request.POST.getlist('email')]
    publisher.RedisPublisher(facility='/goals', groups=[match], users=emails).publish_message(score)
    return JsonResponse({'ok': True})
