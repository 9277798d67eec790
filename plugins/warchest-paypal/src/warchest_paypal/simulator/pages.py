"""Where the player approves: plain HTML, no script."""

from __future__ import annotations

from html import escape

from warchest_paypal.simulator.book import Order

STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 2rem auto; padding: 0 1rem; }
button { font: inherit; display: block; width: 100%; padding: .6rem 1rem; margin-top: .7rem; }
.amount { font-size: 1.5rem; }
"""


def approve(order: Order) -> str:
    brand = order.context.get("brand_name", "the shop")
    return _framed(
        f"Pay {order.amount}",
        f"""<h1>Pay {escape(str(brand))}</h1>
<p class="amount">{escape(str(order.amount))}</p>
<p>{escape(str(order.unit.get("description", "")))}</p>
<form method="post" action="/checkoutnow">
<input type="hidden" name="token" value="{escape(order.id)}">
<button name="with" value="balance">Pay with PayPal balance</button>
<button name="with" value="check">Pay by eCheck (decided later)</button>
<button name="with" value="declined">Pay with a card that the bank declines</button>
<button name="with" value="cancel">Cancel and return</button>
</form>""",
    )


def closed(message: str) -> str:
    return _framed("Not possible", f'<h1>Not possible</h1><p role="alert">{escape(message)}</p>')


def _framed(title: str, content: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><link rel="icon" href="data:,">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        "<p>PayPal simulator: no money moves.</p>"
        f"<main>{content}</main></body></html>"
    )
