"""What the gateway's RESULT and TRANSSTATE numbers mean, all that the vendor's guide lists.

The guide sorts RESULT into approved (0), declined or failed (above) and communication errors (below). That is not enough to
move money by: whether something may have been taken all the same is our own reading of each line's text. A number that is
not listed is none that we can read.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from warchest.sdk.payments import Standing


class Meaning(StrEnum):
    """What a RESULT says of the transaction that it answers."""

    APPROVED = "approved"
    REFUSED = "refused"  # a clear no: nothing is taken by it
    REVIEW = "review"  # approved, and held for the merchant to look at before anything is delivered
    UNCLEAR = "unclear"  # it may have been carried out
    NOT_HEARD = "not_heard"  # refused for who asks, not for what: it says nothing of the payment
    NO_SUCH = "no_such"  # what the request refers to is not there
    PAGE_USED = "page_used"  # the hosted page's token is used, in use, or too old
    UNLISTED = "unlisted"


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the guide's table."""

    code: int
    meaning: Meaning
    text: str

    @property
    def reason(self) -> str:
        """The code as support reads it."""
        return f"payflow_{self.code}"


_TABLE = """
0 approved Approved
1 not_heard User authentication failed
2 refused Invalid tender type
3 refused Invalid transaction type
4 refused Invalid amount format
5 refused Invalid merchant information
6 refused Invalid or unsupported currency code
7 refused Field format error
8 unclear Not a transaction server
9 refused Too many parameters or invalid stream
10 refused Too many line items
11 unclear Client time-out waiting for response
12 refused Declined
13 refused Referral: approval by voice only
14 not_heard Invalid client certification ID
19 no_such Original transaction ID not found
20 no_such Customer reference number not found
22 refused Invalid ABA number
23 refused Invalid account number
24 refused Invalid expiration date
25 refused Invalid host mapping
26 not_heard Invalid vendor account
27 not_heard Insufficient partner permissions
28 not_heard Insufficient user permissions
29 refused Invalid XML document
30 unclear Duplicate transaction
31 refused Error in adding the recurring profile
32 refused Error in modifying the recurring profile
33 refused Error in cancelling the recurring profile
34 refused Error in forcing the recurring profile
35 refused Error in reactivating the recurring profile
36 unclear OLTP transaction failed
37 refused Invalid recurring profile ID
50 refused Insufficient funds available in account
51 refused Exceeds per-transaction limit
99 unclear General error
100 refused Transaction type not supported by host
101 unclear Time-out value too small
102 unclear Processor not available
103 unclear Error reading response from host
104 unclear Time-out waiting for processor response
105 refused Credit error
106 refused Host not available
107 unclear Duplicate suppression time-out
108 refused Void error
109 unclear Time-out waiting for host response
110 refused Referenced authorization (against order) error
111 refused Capture error
112 refused Failed AVS check
113 refused Merchant sale total will exceed the sales cap
114 refused Card security code mismatch
115 unclear System busy, try again later
116 unclear Gateway internal error
117 refused Failed merchant rule check
118 refused Invalid keywords found in string fields
119 unclear General failure within PIM adapter
120 refused Attempt to reference a failed transaction
121 refused Not enabled for feature
122 refused Merchant sale total will exceed the credit cap
125 refused Declined by fraud filters
126 review Flagged for review by fraud filters
127 review Not processed by fraud filters
128 refused Declined by merchant after being flagged for review
131 not_heard Client version no longer supported
132 refused Card has not been submitted for update
133 unclear Data mismatch in HTTP retry request
150 unclear Issuing bank timed out
151 unclear Issuing bank unavailable
160 page_used Secure token already been used
161 page_used Transaction using secure token is already in progress
162 page_used Secure token expired
200 unclear Reauthorization error
201 unclear Order error
402 unclear PIM adapter unavailable
403 unclear PIM adapter stream error
404 unclear PIM adapter time-out
600 unclear Cybercash batch error
601 unclear Cybercash query error
1000 unclear Generic host error
"""

RESULTS: dict[int, Result] = {
    int(code): Result(int(code), Meaning(meaning), text)
    for code, meaning, text in (line.split(maxsplit=2) for line in _TABLE.strip().splitlines())
}
# Buyer Authentication Service: 1001 to 1052 are its failures, before, while and after a bank asked its customer who they are.
RESULTS |= {
    code: Result(code, Meaning.UNCLEAR, "Buyer Authentication Service failed")
    for code in (*range(1001, 1005), *range(1011, 1018), *range(1021, 1026), *range(1031, 1053))
}

COMMUNICATION = {
    -1: "Failed to connect to host",
    -2: "Failed to resolve hostname",
    -5: "Failed to initialize SSL context",
    -6: "Parameter list format error: & in name",
    -7: "Parameter list format error: invalid name length clause",
    -8: "SSL failed to connect to host",
    -9: "SSL read failed",
    -10: "SSL write failed",
    -11: "Proxy authorization failed",
    -12: "Time-out waiting for response",
    -13: "Select failure",
    -14: "Too many connections",
    -15: "Failed to set socket options",
    -20: "Proxy read failed",
    -21: "Proxy write failed",
    -22: "Failed to initialize SSL certificate",
    -23: "Host address not specified",
    -24: "Invalid transaction type",
    -25: "Failed to create a socket",
    -26: "Failed to initialize socket layer",
}


def result(code: int) -> Result:
    """The line of the table; every negative one is a failure of communication, listed or not.

    The guide says of those that nothing was attempted. A time-out (-12) shows that this is more than it can know, so we
    take them all for unclear.
    """
    if code < 0:
        return Result(code, Meaning.UNCLEAR, COMMUNICATION.get(code, "Communication error"))
    return RESULTS.get(code) or Result(code, Meaning.UNLISTED, "")


_VOIDED_FROM = 1000
"""A transaction that was voided has this added to the state that it had."""

_TAKEN = {6: "settlement pending", 7: "settlement in progress", 8: "settled"}
_STATES = {
    0: "account verification, nothing to settle",
    1: "error",
    3: "authorization approved",
    9: "authorization captured",
    10: "capture failed",
    11: "failed to settle",
    12: "unsettled: incorrect account information",
    14: "its batch failed settlement",
    15: "settlement incomplete: charged back",
    16: "merchant ACH settlement failed",
    106: "unknown status, not settled",
    206: "on hold pending intervention",
}

CAPTURED = 9


def standing_of(state: int, *, authorised_only: bool) -> tuple[Standing, str]:
    """How an approved transaction stands, by its TRANSSTATE, and the reason where it is neither yes nor no.

    ``authorised_only`` is for TRXTYPE A, which takes nothing by itself. A state that is not listed, or does not fit, is
    pending: a person sees it with its number.
    """
    if is_voided(state):
        return Standing.CANCELLED, f"payflow_state_{state}"
    if authorised_only and state == 3:
        return Standing.AUTHORISED, ""
    if not authorised_only and state in _TAKEN:
        return Standing.SUCCEEDED, ""
    return Standing.PENDING, f"payflow_state_{state}"


def is_voided(state: int) -> bool:
    before = state - _VOIDED_FROM
    return before in _TAKEN or before in _STATES
