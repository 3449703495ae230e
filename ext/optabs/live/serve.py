"""Serves a project: the engine, the watcher and the web server, all ended by one Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import secrets
import signal
import socket
import webbrowser
from collections.abc import Iterator

import uvicorn

from optabs.errors import OptabsError
from optabs.live.board import Board
from optabs.live.server import make_app
from optabs.live.session import Session
from optabs.live.watch import watch_project
from optabs.project import Project

HOST = "127.0.0.1"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def serve_project(project: Project, port: int, *, open_browser: bool = False) -> None:
    """Build and serve a project until a signal comes; with port 0 at any free port.

    Raises:
        OptabsError: the port cannot be had, or the files cannot be watched.
    """
    with _bind(port) as listener:
        try:
            asyncio.run(_serve(project, listener, open_browser))
        except ExceptionGroup as group:
            known = group.subgroup(OptabsError)
            if known is None:
                raise
            raise _find_first(known) from None


def _find_first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _bind(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port), backlog=128)
    except (OSError, OverflowError) as error:
        reason = {
            errno.EADDRINUSE: "another program uses it",
            errno.EACCES: "the system keeps it for itself",
        }.get(getattr(error, "errno", None) or 0, str(error))
        raise OptabsError(
            f"port {port} cannot be had: {reason}", "name another one, or any free one: --port 0"
        ) from None


async def _serve(project: Project, listener: socket.socket, open_browser: bool) -> None:
    output = project.build / "live"
    output.mkdir(parents=True, exist_ok=True)
    board = Board()
    session = Session(board, project.root, output, _say)
    app = make_app(board, session, [output, project.build / "html"], secrets.token_urlsafe())
    server = _Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )

    others: list[asyncio.Task[None]] = []

    def stop() -> None:
        if server.should_exit:
            return  # to end the engine must not be interrupted
        server.should_exit = True
        board.close()
        for task in others:
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as after nohup
            loop.add_signal_handler(number, stop)
    address = f"http://{HOST}:{listener.getsockname()[1]}/"
    _say(f"{address} shows the site, and what is saved; Ctrl-C ends it")
    if open_browser:
        loop.run_in_executor(None, webbrowser.open, address)
    async with asyncio.TaskGroup() as group:
        others.append(group.create_task(session.talk()))
        others.append(group.create_task(watch_project(project, session.save)))
        await server.serve(sockets=[listener])
        stop()
    _say("ended")


class _Server(uvicorn.Server):
    """A server that leaves the signals to us: they end more than it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """See uvicorn."""
        yield


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # nobody may read it any more
        print(f"optabs: {text}" if not text.startswith(" ") else text, flush=True)
