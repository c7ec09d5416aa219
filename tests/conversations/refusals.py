"""The sentence with which the service answers a text that nobody reads."""

from tests.service import Service

ERRORS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"


async def refusal(service: Service, to: str) -> str:
    (local,) = service.register()
    async with service.client(local) as phone:
        text = f"<message to='{to}' id='m1' type='chat'><body>Hello</body></message>"
        await phone.send(text)
        answer = await phone.message(lambda one: one.get("type") == "error")
    sentence = answer.findtext(f".//{ERRORS}text", "")
    assert sentence
    return sentence
