"""The form of an entry: texts as they are written, and an avatar."""

import json
from copy import copy
from datetime import datetime
from typing import Any

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.files.uploadedfile import UploadedFile
from django.forms.widgets import Script
from django.utils.functional import cached_property
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from buddies import avatars
from buddies.campaigns import log
from buddies.campaigns.desk import LIVE, CampaignDesk, LiveDesk
from buddies.document.text import NORMAL, normal
from buddies.models import Buddy
from buddies.pages.answers import AnswererInput
from buddies.pages.desks import whole_number
from buddies.tree import history, snapshot
from buddies.tree.lock import find_faults
from xmppservice.backoffice.fields import MomentInput, SplitMomentField


class EntryTextField(forms.CharField):
    """A text of an entry, as it is stored: see :mod:`buddies.document.text`.

    The form sets ``column``, the name of the model's field.
    """

    column = ""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "strip": False})

    def to_python(self, value: Any) -> Any:
        return normal(self.column, super().to_python(value))

    def run_validators(self, value: Any) -> None:
        # The entry is judged as a whole, with the words that every door uses.
        pass


class GroupSelect(AutocompleteSelect):
    """A group to search for; what is no key of an entry selects none."""

    def optgroups(self, name: str, value: Any, attr: Any = None) -> Any:
        keys = [one for one in value if whole_number(str(one))]
        return super().optgroups(name, keys, attr)


class GroupField(forms.TypedChoiceField):
    """A group of a campaign; any other entry is refused as by every door."""

    def __init__(self, entries: dict[int, Buddy], **kwargs: Any) -> None:
        super().__init__(coerce=self._entry, empty_value=None, **kwargs)
        self.entries = entries

    def _entry(self, value: object) -> Buddy:
        entry = self.entries.get(whole_number(str(value)))
        if entry is None:
            raise ValueError(value)
        return entry

    def valid_value(self, value: Any) -> bool:
        return whole_number(str(value)) in self.entries


def _group_field(desk: CampaignDesk, buddy: Buddy) -> GroupField:
    """A choice of the groups that a campaign has, each with its path."""
    field: Any = Buddy._meta.get_field("parent")
    paths: dict[int | None, str] = {None: ""}
    choices: list[tuple[str, Any]] = [("", _("top level"))]
    for one in desk.buddies():
        if one.type == Buddy.Type.GROUP:
            above = paths.get(one.parent_id, "")
            paths[one.pk] = f"{above} › {one.name}" if above else one.name
            if one.pk != buddy.pk:
                choices.append((str(one.pk), paths[one.pk]))
    return GroupField(
        desk.view.by_id,
        choices=choices,
        required=False,
        label=field.verbose_name,
        help_text=field.help_text,
    )


class AvatarInput(forms.ClearableFileInput):
    """A drop area for a picture; its value is the current picture's address."""

    template_name = "buddies/avatar.html"

    def is_initial(self, value: Any) -> bool:
        return bool(value)

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["most"] = avatars.MAX_MEGABYTES
        return context


class AvatarField(forms.FileField):
    """An uploaded picture; False to remove the current one."""

    widget = AvatarInput

    def bound_data(self, data: Any, initial: Any) -> Any:
        # Show the stored picture, never the upload.
        return initial


class BaseField(forms.JSONField):
    """The values that a form showed; None if they are not as a form sends them."""

    def prepare_value(self, value: Any) -> Any:
        # In ASCII: half a character would be refused on its way out.
        return json.dumps(value)

    def bound_data(self, data: Any, initial: Any) -> Any:
        return self.to_python(data)

    def to_python(self, value: Any) -> Any:
        try:
            sent = json.loads(value or "null")
        except (ValueError, RecursionError):
            return None
        is_whole = isinstance(sent, dict) and sent.keys() == BASE_NAMES
        is_read = is_whole and type(sent["live"]) is int and 0 <= sent["live"] < 2**63
        return sent if is_read else None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return False


BASE_NAMES = {*snapshot.NAMES, "live"}


class BuddyForm(forms.ModelForm):
    """An entry, live or of a campaign, as its ``desk`` has it.

    Uploading or removing a picture edits its two addresses. ``seen`` is the version
    that the form shows: of the entry or, in a campaign, of the campaign. ``base`` are
    the values that it shows, as JSON: what differs from them is what this editor
    changed, and what others changed meanwhile stays.
    """

    desk: LiveDesk | CampaignDesk = LIVE

    avatar = AvatarField(
        label=_("Picture"),
        required=False,
        widget=AvatarInput(attrs={"accept": "image/*"}),
        help_text=format_lazy(
            _(
                "JPEG, PNG, WEBP or GIF, up to {most} MB. It will be cropped "
                "to a square."
            ),
            most=avatars.MAX_MEGABYTES,
        ),
    )
    seen = forms.IntegerField(required=False, widget=forms.HiddenInput)
    base = BaseField(required=False, widget=forms.HiddenInput)

    # The picture first: it fills in the addresses, which are checked after it.
    field_order = ("avatar",)

    class Meta:
        model = Buddy
        fields = "__all__"  # noqa: DJ007  (position is not editable)
        field_classes = {
            **dict.fromkeys(NORMAL, EntryTextField),
            "visible_from": SplitMomentField,
            "visible_until": SplitMomentField,
        }
        widgets = {
            "default_message": forms.Textarea(attrs={"rows": 4, "cols": 80}),
            "server_address": AnswererInput(
                {"list": "id_server_address_known", "class": "vTextField"}
            ),
            # A one-line input would drop the line breaks of a status.
            "status": forms.Textarea(attrs={"rows": 2, "cols": 80}),
            "visible_from": MomentInput(
                _("Visible from: date"), _("Visible from: time")
            ),
            "visible_until": MomentInput(
                _("Visible until: date"), _("Visible until: time")
            ),
        }
        help_texts = {
            "image_url": _(
                "Filled in when you upload a picture. You can also type a web address."
            ),
            "thumb_url": _("A small version of the picture, for lists."),
            "server_address": _(
                "The address that answers, such as shop@example.com. The one above is "
                "then only the thread. Leave blank if the one above answers itself."
            ),
        }

    class Media:
        css = {"all": ["buddies/form.css"]}
        js = [Script("buddies/form.js", type="module")]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            if isinstance(field, EntryTextField):
                field.column = name
                column: Any = Buddy._meta.get_field(name)
                field.error_messages["required"] = column.error_messages["blank"]
        self.initial["avatar"] = self.instance.image_url or self.instance.thumb_url
        self.initial["seen"] = self.instance.version
        self._stored = _values(self.instance)
        self.initial["base"] = {**self._stored, "live": LIVE.version}
        if isinstance(self.desk, CampaignDesk):
            self.initial["seen"] = self.desk.version
            if "parent" in self.fields:
                self.fields["parent"] = _group_field(self.desk, self.instance)

    @cached_property
    def changed_data(self) -> list[str]:
        """The entry's own fields that this editor changed."""
        return [name for name in super().changed_data if name in _OWN]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.instance.pk:
            self._merge(cleaned)
        return cleaned

    def _merge(self, cleaned: dict[str, Any]) -> None:
        """Keep what others changed since; refuse what they and this editor changed."""
        base = cleaned.get("base") or self.initial["base"]
        fields = {name: cleaned[name] for name in _OWN if name in cleaned}
        parent = fields.get("parent")
        mine = snapshot.change(self._stored, fields, parent and str(parent.pk))
        changed: list[str] = []
        for name in mine:
            value, shown, stored = (
                _in_seconds(values[name]) for values in (mine, base, self._stored)
            )
            if value == stored:
                continue
            names = [field for field in snapshot.fields_of([name]) if field in fields]
            if value == shown:
                cleaned |= {field: self._old(field) for field in names}
            elif shown == stored:
                changed += [n for n in names if cleaned[n] != self._old(n)]
            else:
                self._show_theirs(name, names[0], base)
        self.changed_data = [name for name in self.fields if name in changed]

    def _old(self, field: str) -> Any:
        return getattr(self.instance, field)

    def _show_theirs(self, name: str, field: str, base: dict[str, Any]) -> None:
        """Show the value of somebody else; saving again keeps this editor's."""
        values = map(self._old, snapshot.fields_of([name]))
        theirs = " – ".join(history.value_in_words(value) for value in values)
        if name == snapshot.PARENT and self.instance.parent_id is None:
            theirs = gettext("top level")
        text = _("Theirs: “%(text)s”. Save again to keep yours.")
        self.add_error(field, [self._missed(name, base), text % {"text": theirs}])
        if isinstance(self.fields[field], EntryTextField):
            self.fields[field].widget.attrs["data-theirs"] = theirs
        data: Any = copy(self.data)
        data[self.add_prefix("seen")] = str(self.initial["seen"])
        data[self.add_prefix("base")] = json.dumps({**base, name: self._stored[name]})
        self.data = data
        base[name] = self._stored[name]

    def _missed(self, name: str, base: dict[str, Any]) -> str:
        """Say who changed a value meanwhile."""
        number = self.instance.pk
        words = ""
        if isinstance(self.desk, CampaignDesk):
            seen, key = self.cleaned_data.get("seen"), str(self.instance.key)
            since = whole_number(str(seen))
            words = log.missed(self.desk.campaign, [key], [name], since)
        live = Buddy.objects.filter(pk=number).first()
        if not words and live and live.version > base["live"]:
            words = history.missed(number, base["live"])
        return words or gettext("Someone changed this in the meantime.")

    def validate_unique(self) -> None:
        """Judge the entry as every door does, addresses of others included."""
        among = self.desk.buddies() if self.desk.campaign else None
        for _buddy, fault in find_faults([self.instance], self.errors.keys(), among):
            if fault.field in self.fields:
                self.add_error(fault.field, fault.words)
            elif fault.field not in self.errors:
                self.add_error(None, fault.about(self.instance))

    def _get_validation_exclusions(self) -> set[str]:
        # The database does not have the groups that only a campaign has.
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]  # Django's own hook
        return excluded | {"parent"} if self.desk.campaign else excluded

    def clean_avatar(self) -> None:
        upload = self.cleaned_data["avatar"]
        if upload is False:
            self._set_picture("", "")
        elif isinstance(upload, UploadedFile):
            self._set_picture(*avatars.store(upload))

    def _set_picture(self, image: str, thumb: str) -> None:
        # As if typed in, so that it survives an error in another field.
        data: Any = copy(self.data)
        data[self.add_prefix("image_url")] = image
        data[self.add_prefix("thumb_url")] = thumb
        self.data = data
        self["avatar"].initial = image


_OWN = [field.name for field in Buddy._meta.concrete_fields]


def _values(buddy: Buddy) -> dict[str, Any]:
    """Return the values that a form shows of an entry, as JSON has them."""
    group = None if buddy.parent_id is None else str(buddy.parent_id)
    return snapshot.values_of(buddy, group)


def _in_seconds(value: Any) -> Any:
    """Return a pair of moments as a form shows them; anything else as it is."""
    if not isinstance(value, list):
        return value
    try:
        moments = [moment and datetime.fromisoformat(str(moment)) for moment in value]
    except ValueError:
        return value
    return [moment and moment.replace(microsecond=0) for moment in moments]


class SwitchesForm(forms.ModelForm):
    """A row of the list: the label of each switch names the entry.

    Each field sends what it showed, too, so that only what this editor switched counts.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.show_hidden_initial = True
            field.widget.attrs["aria-label"] = f"{field.label}: {self.instance}"
