"""The API of accounts."""

from http import HTTPStatus

from django.core.exceptions import ValidationError as ModelError
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from roster import directory
from roster.models import Account
from roster.serializers import AccountSerializer


class AccountViewSet(ModelViewSet):
    """List, read, create, change and delete accounts."""

    queryset = Account.objects.order_by("pk")
    serializer_class = AccountSerializer
    search_fields = ("jid", "msisdn", "name")

    @action(detail=False, methods=["post"])
    def refresh(self, request: Request) -> Response:
        """Have the XMPP server asked about all accounts, now."""
        directory.renew()
        return Response(status=HTTPStatus.ACCEPTED)

    def perform_create(self, serializer: BaseSerializer) -> None:
        _save(serializer, Account())

    def perform_update(self, serializer: BaseSerializer) -> None:
        assert serializer.instance is not None
        _save(serializer, serializer.instance)


def _save(serializer: BaseSerializer, account: Account) -> None:
    """Save what was sent under the model's own rules."""
    for field, value in serializer.validated_data.items():
        setattr(account, field, value)
    try:
        account.full_clean()
    except ModelError as error:
        raise ValidationError(error.message_dict) from None
    account.save(update_fields=Account.EDITED if account.pk else None)
    serializer.instance = account
