"""A site that has an AdminSite of its own beside the default one."""

from django.contrib import admin
from django.urls import path

from ws4channels.admin import WebsocketsAdmin
from ws4channels.models import Websockets

staff_site = admin.AdminSite(name="staff")
staff_site.register(Websockets, WebsocketsAdmin)

urlpatterns = [path("admin/", admin.site.urls), path("staff/", staff_site.urls)]
