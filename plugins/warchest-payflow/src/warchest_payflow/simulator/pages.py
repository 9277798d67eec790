"""The hosted checkout page: plain HTML, no script. It takes the vendor's test cards, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from urllib.parse import urlencode, urlsplit, urlunsplit

from warchest_payflow.simulator.book import Page, Transaction
from warchest_payflow.simulator.rules import TEST_CARDS

STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 2rem auto; padding: 0 1rem; }
label { display: block; margin-top: 1rem; } input { font: inherit; padding: .4rem; width: 100%; box-sizing: border-box; }
button { font: inherit; padding: .5rem 1rem; margin: 1rem .5rem 0 0; }
.alert { border-left: .3rem solid #b00; padding-left: .7rem; }
.amount { font-size: 1.5rem; }
"""


def pay(page: Page, *, problem: str = "") -> str:
    cards = "".join(
        f"<li><code>{number}</code> {escape(name)}</li>" for number, (_, name) in TEST_CARDS.items()
    )
    alert = f'<p class="alert" role="alert">{escape(problem)}</p>' if problem else ""
    return _framed(
        f"Pay {page.amount}",
        f"""<h1>Pay by card</h1>
<p class="amount">{escape(str(page.amount))}</p>
<p>{escape(page.fields.get("COMMENT1", ""))}</p>
<p>Invoice {escape(page.fields.get("INVNUM", ""))}</p>
{alert}
<form method="post" action="/pay/card">
{_hidden({"SECURETOKEN": page.token, "SECURETOKENID": page.id})}
<label for="acct">Card number</label>
<input id="acct" name="ACCT" inputmode="numeric" autocomplete="cc-number" required>
<label for="expdate">Expiry (MMYY)</label>
<input id="expdate" name="EXPDATE" inputmode="numeric" autocomplete="cc-exp" maxlength="4" required>
<label for="cvv2">Security code</label>
<input id="cvv2" name="CVV2" inputmode="numeric" autocomplete="cc-csc" maxlength="4">
<button name="action" value="pay">Pay {escape(str(page.amount))}</button>
<button name="action" value="cancel" formnovalidate>Cancel</button>
</form>
<details><summary>Test cards</summary><ul>{cards}</ul></details>""",
    )


def closed(message: str, *, back_url: str = "") -> str:
    link = f'<p><a href="{escape(back_url)}">Back to the shop</a></p>' if back_url else ""
    return _framed("Not possible", f"<h1>Not possible</h1><p role='alert'>{escape(message)}</p>{link}")


def go_on(url: str, fields: Mapping[str, str]) -> str:
    """The way back by POST, as accounts have it that do not ask for GET."""
    form = f'<form method="post" action="{escape(url)}">{_hidden(fields)}<button>Continue</button></form>'
    return _framed("Go on", f"<h1>Go on to the shop</h1>{form}")


def brought_back(page: Page, made: Transaction | None, *, code: int, message: str) -> dict[str, str]:
    """What the browser brings back, unsigned."""
    fields = {
        "RESULT": str(code),
        "RESPMSG": message,
        "SECURETOKEN": page.token,
        "SECURETOKENID": page.id,
        "INVNUM": page.fields.get("INVNUM", ""),
        "AMT": page.amount.major,
        "TRXTYPE": page.fields["TRXTYPE"],
    }
    if made is not None:
        fields |= {"PNREF": made.pnref, "ACCT": made.last_four, "EXPDATE": made.expiry}
    return fields


def with_query(url: str, fields: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, urlencode(fields)) if part)
    return urlunsplit(parts._replace(query=query))


def _hidden(fields: Mapping[str, str]) -> str:
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields.items()
    )


def _framed(title: str, content: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><link rel="icon" href="data:,">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        "<p>Gateway simulator: no money moves. Use a test card, never a real one.</p>"
        f"<main>{content}</main></body></html>"
    )
