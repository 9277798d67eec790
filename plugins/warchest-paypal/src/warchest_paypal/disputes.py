"""Evidence in a dispute, handed in once."""

from __future__ import annotations

from urllib.parse import quote
from uuid import uuid4

import msgspec

from warchest.sdk.payments import Evidence, Report, Standing
from warchest_paypal.talk import Paypal, Refused, Unclear
from warchest_paypal.wire import Dispute

_NOTES_CHARACTERS_MAX = 2000
_OURS = "SUBMITTED_BY_SELLER"


def answer(paypal: Paypal, *, dispute: str, evidence: Evidence) -> Report:
    """PayPal names no way to hand evidence in twice as one, so it is asked first what it has."""
    talk = paypal.talk()
    path = f"/v1/customer/disputes/{quote(dispute, safe='')}"
    notes = _notes(evidence)
    try:
        known, raw = talk.ask(path, Dispute)
        if any(one.source == _OURS and one.notes == notes for one in known.evidences):
            return Report(Standing.SUCCEEDED, raw=raw)
        body, content_type = _form({"evidences": [{"evidence_type": "OTHER", "notes": notes}]})
        _, raw = talk.post(f"{path}/provide-evidence", dict, body, content_type=content_type)
        return Report(Standing.SUCCEEDED, raw=raw)
    except Refused as refused:
        return Report(Standing.FAILED, reason=refused.reason[:80], raw=refused.raw)
    except Unclear as unclear:
        return unclear.report


def _notes(evidence: Evidence) -> str:
    known = [f"Paid at {evidence.paid_at.isoformat(timespec='seconds')}."]
    if evidence.delivered_at:
        known.append(f"Delivered at {evidence.delivered_at.isoformat(timespec='seconds')}.")
    if evidence.used_at:
        known.append(f"Used at {evidence.used_at.isoformat(timespec='seconds')}.")
    facts = " ".join(known)
    return f"{evidence.text[: _NOTES_CHARACTERS_MAX - len(facts) - 1]}\n{facts}"


def _form(document: object) -> tuple[bytes, str]:
    """``multipart/form-data`` with the one part that PayPal wants, ``input``."""
    boundary = uuid4().hex
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="input"\r\nContent-Type: application/json\r\n\r\n'
    body = part.encode() + msgspec.json.encode(document) + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"
