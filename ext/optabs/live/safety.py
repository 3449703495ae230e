"""Who may ask the server for what. It runs code, so pages of other sites must not reach it."""

from __future__ import annotations

import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN_HEADER = "x-optabs-token"  # noqa: S105 - its name alone

# Names that lead to this machine whatever any name server says.
_OURS = ("127.0.0.1", "localhost", "[::1]")
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "frame-ancestors 'self'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


class Guard:
    """Refuses requests that are not from our own pages, before anybody else sees them."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""

        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        refusal = find_refusal(scope["method"], Headers(scope=scope), self._token)
        if refusal:
            status, text = refusal
            await PlainTextResponse(f"{text}\n", status)(scope, receive, send_more)
        else:
            await self._app(scope, receive, send_more)


def find_refusal(method: str, headers: Headers, token: str) -> tuple[int, str] | None:
    """Return the status and the reason of a refusal, None where there is nothing against it.

    `Host` keeps out sites whose own name was made to lead here. What is more than reading needs
    `Origin`, a type that no form can send, and the token that only our pages hold.
    """
    host = headers.get("host", "")
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    if name.lower() not in _OURS:
        return 421, f"This is no server of {host or 'no name'}: open it as 127.0.0.1 or localhost."
    if method in ("GET", "HEAD"):
        return None
    if headers.get("origin", "").lower() != f"http://{host}".lower():
        return 403, "Only pages of this server may ask for that."
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return 415, "The body must be application/json."
    given = headers.get(TOKEN_HEADER, "")
    if not secrets.compare_digest(given.encode(), token.encode()):
        return 403, "The token is not that of this server: load the page again."
    return None
