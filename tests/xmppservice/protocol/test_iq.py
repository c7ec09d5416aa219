"""IQs and stanza errors."""

from xml.etree import ElementTree as ET

import pytest

from xmppservice.protocol import iq
from xmppservice.protocol.iq import StanzaError


def test_condition_of_an_error():
    xml = f"<iq type='error'>{iq.error('not-allowed')}</iq>"
    assert iq.condition(ET.fromstring(xml)) == "not-allowed"
    assert iq.condition(ET.fromstring("<iq/>")) == ""


def test_a_request_has_one_child():
    assert iq.payload_tag(ET.fromstring("<iq><a xmlns='n'/></iq>")) == "{n}a"
    assert iq.payload_tag(ET.fromstring("<iq/>")) is None
    assert iq.payload_tag(ET.fromstring("<iq><a/><b/></iq>")) is None


def test_a_request_without_a_child_is_a_bad_request():
    with pytest.raises(StanzaError) as caught:
        iq.request(ET.fromstring("<iq type='get'/>"), "service.localhost")
    assert (caught.value.condition, caught.value.type) == ("bad-request", "modify")
