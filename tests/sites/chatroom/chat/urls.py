from django.urls import path

from chat.views import BroadcastChatView, GroupChatView, RawView, UserChatView

urlpatterns = [
    path('', BroadcastChatView.as_view(), name='broadcast_chat'),
    path('user/', UserChatView.as_view(), name='user_chat'),
    path('group/', GroupChatView.as_view(), name='group_chat'),
    path('raw/', RawView.as_view(), name='raw'),
]
