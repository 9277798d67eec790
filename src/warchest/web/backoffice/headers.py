"""What browsers may do with pages of the back office."""

from warchest.web import middleware


class SecurityHeadersMiddleware(middleware.SecurityHeadersMiddleware):
    """Nothing from elsewhere, and no inline script. Two exceptions are unfold's: Alpine compiles the expressions in its
    attributes (``unsafe-eval``), and colours and widths are set in style attributes and one style element.
    """

    policy = (
        "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
        " font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
