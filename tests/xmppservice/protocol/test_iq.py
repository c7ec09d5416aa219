"""IQs and stanza errors."""

from xml.etree import ElementTree as ET

import pytest

from xmppservice.protocol import iq
from xmppservice.protocol.iq import StanzaError
from xmppservice.protocol.namespaces import NS_ERRORS


def test_condition_of_an_error():
    xml = f"<iq type='error'>{iq.error('not-allowed')}</iq>"
    assert iq.condition(ET.fromstring(xml)) == "not-allowed"
    assert iq.condition(ET.fromstring("<iq/>")) == ""


def test_text_of_an_error():
    text = f"<text xmlns='{NS_ERRORS}'>no user</text>"
    xml = f"<iq type='error'>{iq.error('forbidden', 'auth', text)}</iq>"
    assert iq.error_text(ET.fromstring(xml)) == "no user"
    assert iq.error_text(ET.fromstring(f"<iq>{iq.error('forbidden')}</iq>")) == ""


def test_a_request_has_one_child():
    assert iq.payload_tag(ET.fromstring("<iq><a xmlns='n'/></iq>")) == "{n}a"
    assert iq.payload_tag(ET.fromstring("<iq/>")) is None
    assert iq.payload_tag(ET.fromstring("<iq><a/><b/></iq>")) is None


def test_a_request_without_a_child_is_a_bad_request():
    with pytest.raises(StanzaError) as caught:
        iq.request(ET.fromstring("<iq type='get'/>"), "service.localhost")
    assert (caught.value.condition, caught.value.type) == ("bad-request", "modify")
