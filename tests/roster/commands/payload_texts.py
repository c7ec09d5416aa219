"""Payloads and answers, for the tests of a batch."""

from tests.roster.conftest import users

OK = {"status": 0, "errorCode": "", "errorMessage": []}
NUMBER = "+393471111111"
LIAM = users(("Liam", "liam"))


def code(answer: dict) -> tuple[int, str]:
    return answer["status"], answer["errorCode"]


def error_messages(answer: dict) -> list[str]:
    return [one["message"] for one in answer["errorMessage"]]
