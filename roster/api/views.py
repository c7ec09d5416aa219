"""The API of accounts, and of the command queue."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from django.core.exceptions import ValidationError as ModelError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet, ReadOnlyModelViewSet

from roster import statistics
from roster.accounts import bulk, directory
from roster.api.serializers import (
    AccountSerializer,
    BulkSerializer,
    CommandSerializer,
    RowSerializer,
    StoredSerializer,
    WholeCommandSerializer,
)
from roster.commands import intake
from roster.models import Account, Command
from roster.privacy import holders
from xmppservice.api import problems, representation
from xmppservice.api.idempotency import Idempotent
from xmppservice.api.lists import BooleanFilter, FilterSet, Pages
from xmppservice.api.views import Described
from xmppservice.runtime import wakeups

VIEW, ADD = "roster.view_account", "roster.add_account"
CHANGE, DELETE = "roster.change_account", "roster.delete_account"
VIEW_COMMAND, CHANGE_COMMAND = "roster.view_command", "roster.change_command"


# --- Accounts -------------------------------------------------------------------


class AccountFilter(FilterSet):
    jid = filters.CharFilter()
    msisdn = filters.CharFilter()
    enabled = BooleanFilter()
    discoverable = BooleanFilter()
    gone = BooleanFilter(
        field_name="gone_at",
        lookup_expr="isnull",
        exclude=True,
        label="Whether the account is gone from the XMPP server.",
    )


class AccountViewSet(Idempotent, ModelViewSet):
    """Accounts: the users of the XMPP server that the service knows."""

    queryset = Account.objects.order_by("pk")
    serializer_class = AccountSerializer
    filterset_class = AccountFilter
    search_fields = ("jid", "msisdn", "name")
    scope = "accounts"
    needs = {
        "list": VIEW,
        "retrieve": VIEW,
        "create": ADD,
        "update": CHANGE,
        "partial_update": CHANGE,
        "destroy": DELETE,
        "bulk": (ADD, CHANGE),
        "refresh": ADD,
        "reassign": (CHANGE, DELETE),
    }
    conditional = ("update", "partial_update", "destroy", "reassign")

    def perform_create(self, serializer: BaseSerializer) -> None:
        _save(serializer, Account())

    def perform_update(self, serializer: BaseSerializer) -> None:
        with transaction.atomic():
            _save(serializer, self._lock_unchanged(serializer.instance))

    def perform_destroy(self, instance: Account) -> None:
        with transaction.atomic():
            self._lock_unchanged(instance).delete()

    def _lock_unchanged(self, instance: Any) -> Account:
        """Lock and return the account if it is unchanged since the client read it."""
        account = Account.objects.select_for_update().filter(pk=instance.pk).first()
        if account is None:
            raise problems.Conflict("The account no longer exists.")
        representation.refuse_stale(self.request, AccountSerializer(account).data)
        return account

    @extend_schema(request=BulkSerializer, responses=StoredSerializer)
    @action(detail=False, methods=["post"], serializer_class=BulkSerializer)
    def bulk(self, request: Request) -> Response:
        """Add or change up to 10,000 accounts.

        Invalid rows are reported in ``errors``; the others are stored.
        """
        serializer = BulkSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        accounts = serializer.validated_data["accounts"]
        valid, errors = _validate_rows(accounts)
        created, changed = _store(valid)
        unchanged = len({row[0] for row, _ in valid}) - created - changed
        results = {"created": created, "changed": changed, "unchanged": unchanged}
        return Response(StoredSerializer({**results, "errors": errors}).data)

    @extend_schema(request=None, responses=AccountSerializer)
    @action(detail=True, methods=["post"])
    def reassign(self, request: Request, pk: str) -> Response:
        """Say that the number has another holder from now on.

        Everything stored about the previous holder is deleted: contacts, commands,
        name, flag, the budget used and the switches.
        """
        account = self.get_object()
        representation.refuse_stale(request, self.get_serializer(account).data)
        holders.reassigned([account.jid], timezone.now())
        account.refresh_from_db()
        return Response(self.get_serializer(account).data)

    @extend_schema(request=None, responses={HTTPStatus.ACCEPTED: None})
    @action(detail=False, methods=["post"])
    def refresh(self, request: Request) -> Response:
        """Start checking all accounts with the XMPP server."""
        directory.renew()
        return Response(status=HTTPStatus.ACCEPTED)


def _save(serializer: BaseSerializer, account: Account) -> None:
    """Validate the account by the model's own rules and save it."""
    for field, value in serializer.validated_data.items():
        setattr(account, field, value)
    try:
        account.full_clean()
        with transaction.atomic():
            account.save(update_fields=Account.EDITED if account.pk else None)
    except ModelError as error:
        reasons = problems.where_sent(error.message_dict, serializer.initial_data)
        raise ValidationError(reasons) from None
    except IntegrityError:
        # Another request has just added it.
        text = "Account with this JID already exists."
        raise ValidationError({"jid": text}) from None
    serializer.instance = account


# --- Many accounts --------------------------------------------------------------


def _validate_rows(
    accounts: Iterable[Any],
) -> tuple[list[bulk.PartialRow], list[dict[str, str]]]:
    """Return the valid rows, each with its columns, and the errors of the others."""
    valid: list[bulk.PartialRow] = []
    errors: list[dict[str, str]] = []
    for place, account in enumerate(accounts):
        try:
            valid.append(_row(account))
        except (ValidationError, ModelError) as error:
            errors += problems.with_pointers(_reasons(error), f"/accounts/{place}")
    return valid, errors


def _row(account: Any) -> bulk.PartialRow:
    serializer = RowSerializer(data=account)
    serializer.is_valid(raise_exception=True)
    values = dict(serializer.validated_data)
    identity = bulk.parse_account(values.pop("account"))
    return [*identity, *values.values()], tuple(values)


def _reasons(error: ValidationError | ModelError) -> Any:
    if isinstance(error, ValidationError):
        return error.detail
    return {"account": error.messages}


def _store(rows: Iterable[bulk.PartialRow]) -> tuple[int, int]:
    with transaction.atomic():
        stored = bulk.store(rows)
        wakeups.wake_worker(wakeups.JOIN_LATE)
    return stored


# --- Commands -------------------------------------------------------------------


class NewestFirst(Pages):
    ordering = "-pk"


class CommandFilter(FilterSet):
    state = filters.ChoiceFilter(choices=Command.State.choices, method="in_state")
    command = filters.CharFilter(
        method="with_word", label="Searches only the newest 100,000 commands."
    )
    owner = filters.CharFilter()

    def in_state(self, rows: Any, name: str, state: str) -> Any:
        return statistics.in_state(rows, state)

    def with_word(self, rows: Any, name: str, word: str) -> Any:
        return rows.filter(statistics.newest(Command), command=word)


class CommandViewSet(Described, ReadOnlyModelViewSet):
    """Commands that clients sent, and their state."""

    queryset = Command.objects.all()
    filterset_class = CommandFilter
    filter_backends = (filters.DjangoFilterBackend,)
    pagination_class = NewestFirst
    scope = "commands"
    needs = {"list": VIEW_COMMAND, "retrieve": VIEW_COMMAND, "retry": CHANGE_COMMAND}
    conditional = ("retry",)

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows.defer("payload", "answer") if self.action == "list" else rows

    def get_serializer_class(self) -> Any:
        return CommandSerializer if self.action == "list" else WholeCommandSerializer

    @extend_schema(request=None, responses=WholeCommandSerializer)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Retry a dead command.

        A command that is already in progress is left unchanged.
        """
        command = self.get_object()
        representation.refuse_stale(request, self.get_serializer(command).data)
        intake.retry([command.pk])
        # It may have been deleted meanwhile, at the end of its retention.
        command = self.get_object()
        if command.state == Command.State.DEAD:
            raise problems.Conflict("The command's payload is no longer stored.")
        if command.state == Command.State.SENT:
            raise problems.Conflict(
                "Only dead commands can be retried. This one was answered."
            )
        return Response(self.get_serializer(command).data)
