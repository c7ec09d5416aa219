"""Registers the admin pages."""

from django.contrib import admin

from roster.models import Account, Command, Flag
from roster.pages.accounts import AccountAdmin
from roster.pages.commands import CommandAdmin
from roster.pages.flags import FlagAdmin

admin.site.register(Account, AccountAdmin)
admin.site.register(Command, CommandAdmin)
admin.site.register(Flag, FlagAdmin)
