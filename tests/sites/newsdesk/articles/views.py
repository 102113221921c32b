from django.http import JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

from .models import Article


@csrf_exempt
def write_article(request):
    article = Article(headline=request.POST['headline'], desk=request.POST['desk'])
    article.save()
    return JsonResponse({'id': article.pk})


def headlines(request):
    return render(request, 'articles/headlines.html', {'articles': Article.objects.order_by('-pk')})
