"""The web application: the built pages with a script in them, what they follow, what they run."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from optabs.live.board import MISSING, Board
from optabs.live.safety import Guard
from optabs.live.session import Session

MAX_BODY = 256 << 10
"""Bytes that a request may have; examples have some hundred."""

_SCRIPTS = Path(__file__).parent / "page"
_WANTED = ("page", "framework", "case", "device", "code")
_FRAME = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>body {{ margin: 2rem; font: 1rem/1.5 system-ui, sans-serif; }}</style>
</head>
<body><main><h1>{title}</h1><p>{text}</p></main></body>
</html>
"""
_WAITING = _FRAME.format(
    title="Building …",
    text="This page is shown as soon as it is there. The first time, that may take some minutes.",
)
_NO_PAGE = _FRAME.format(title="Not found", text="There is no such page.")


def make_app(board: Board, session: Session, folders: list[Path], token: str) -> Starlette:
    """Return the application.

    Pages come from the first of `folders`; until the site has been built, also from the others.
    """

    async def follow(request: Request) -> Response:
        page = request.query_params.get("page", MISSING)
        try:
            since = int(request.query_params.get("since", ""))
        except ValueError:
            return _refuse("'since' must be a number")

        async def write_events() -> AsyncIterator[str]:
            yield "retry: 1000\n\n"
            async for state in board.follow():
                told = asdict(state) | {"reload": board.is_outdated(page, since)}
                yield f"data: {json.dumps(told)}\n\n"

        return StreamingResponse(write_events(), media_type="text/event-stream")

    async def run(request: Request) -> Response:
        try:
            wanted = await request.json()
        except ValueError:
            return _refuse("the body is no JSON")
        if not isinstance(wanted, dict) or wanted.keys() != set(_WANTED):
            return _refuse(f"wanted are {', '.join(_WANTED)}, and nothing else")
        if not all(isinstance(value, str) for value in wanted.values()):
            return _refuse("all of it must be text")
        return JSONResponse(await session.run(wanted))

    return Starlette(
        routes=[
            Route("/_live/events", follow),
            Route("/_live/run", run, methods=["POST"]),
            Mount("/_live", StaticFiles(directory=_SCRIPTS)),
            Mount("/", _Pages(board, folders, token)),
        ],
        middleware=[
            Middleware(Guard, token=token),
            Middleware(RequestBodyLimitMiddleware, max_body_size=MAX_BODY),
        ],
    )


def _refuse(text: str) -> Response:
    return JSONResponse({"problem": text}, 400)


class _Pages(StaticFiles):
    """The files of the site. HTML gets our script on the way; the files themselves do not."""

    def __init__(self, board: Board, folders: list[Path], token: str) -> None:
        super().__init__(html=True)
        self._board = board
        self._folders = [folder.resolve() for folder in folders]
        self._token = token

    def lookup_path(self, path: str) -> tuple[str, Any]:
        """See StaticFiles."""
        shown = self._folders[:1] if self._board.has_built else self._folders
        self.all_directories = [*shown]
        return super().lookup_path(path)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """See StaticFiles."""
        try:
            found = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404:
                raise
            found = HTMLResponse(self._inject(_NO_PAGE, MISSING), 404)
        if found.status_code == 404 and not self._board.has_built:
            return HTMLResponse(self._inject(_WAITING, MISSING), 503)
        if isinstance(found, FileResponse) and str(found.path).endswith(".html"):
            file = Path(found.path)
            name = MISSING if found.status_code == 404 else self._find_name(file)
            text = file.read_text(encoding="utf-8", errors="replace")
            return HTMLResponse(self._inject(text, name), found.status_code)
        return found

    def _find_name(self, file: Path) -> str:
        folder = next(each for each in self._folders if file.is_relative_to(each))
        return file.relative_to(folder).as_posix()

    def _inject(self, html: str, name: str) -> str:
        """Put our script and style into a page, which then knows its name, its age, the token."""
        told = {"page": name, "since": time.time_ns(), "token": self._token}
        data = " ".join(f'data-{key}="{escape(str(value))}"' for key, value in told.items())
        tags = (
            '<link rel="stylesheet" href="/_live/live.css">'
            f'<script defer src="/_live/live.js" {data}></script>'
        )
        head, end, rest = html.partition("</head>")
        return f"{head}{tags}{end}{rest}" if end else html + tags
