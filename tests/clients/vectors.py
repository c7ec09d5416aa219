"""The vectors of clients/vectors.json, which any client can be tried against."""

import json

from tests.processes import ROOT

VECTORS = json.loads((ROOT / "clients" / "vectors.json").read_text())
DOCUMENTS = {one["name"]: one for one in VECTORS["documents"]}
ANSWERS = {one["name"]: one for one in VECTORS["answers"]}
NO_ANSWERS = {one["name"]: one["payload"] for one in VECTORS["noAnswers"]}
