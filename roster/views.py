"""The API of accounts."""

from django.core.exceptions import ValidationError as ModelError
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from roster.models import Account
from roster.serializers import AccountSerializer


class AccountViewSet(ModelViewSet):
    """List, read, create, change and delete accounts."""

    queryset = Account.objects.order_by("pk")
    serializer_class = AccountSerializer
    search_fields = ("jid", "msisdn", "name")

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
    account.save()
    serializer.instance = account
