"""The engine of live mode: a site that stays in memory, built anew where its sources change.

``python -m optabs.sphinxext.live ROOT OUTPUT [-D name=value]...`` reads a request a line from its
input and writes messages a line to its output, in JSON:

    {"build": ["/path/that/changed", ...]}   ->  {"progress": text}...  {"built": {...}}
    {"run": {"page", "framework", "case", "device", "code"}}  ->  {"ran": {...}}

A build answers as soon as the pages whose sources changed are written. The rest (lists of all ops,
the search index, exports) is written by a fork while nothing else is asked for, which then says
``{"published": {"pages": [...]}}``, with a `problem` where it failed; the next request ends it.
Exit status 3 asks for a new process, since what cannot be loaded twice has changed. The end of the
input is the end.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import json
import logging
import os
import pickle
import re
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.application import ENV_PICKLE_FILENAME, Sphinx
from sphinx.errors import SphinxError
from sphinx.util.build_phase import BuildPhase
from sphinx.util.docutils import docutils_namespace, patch_docutils
from sphinx.util.logging import (
    NAMESPACE,
    SafeEncodingWriter,
    WarningStreamHandler,
    WarningSuppressor,
    pending_warnings,
)
from sphinx.util.parallel import SerialTasks

from optabs.background import Background, Work
from optabs.errors import Fault, OptabsError
from optabs.export import replace_file
from optabs.ledger import Ledger
from optabs.live.engine import RESTART
from optabs.plan import Plan
from optabs.render import make_tab_context
from optabs.run.targets import find_reference
from optabs.sphinxext.build import Build
from optabs.sphinxext.domain import find_docname, get_build
from optabs.sphinxext.events import list_outdated
from optabs.trial import find_trial, plan_trial, write_block
from optabs.verify import Tally, judge_plan, list_failures

if TYPE_CHECKING:
    from sphinx.builders.html import StandaloneHTMLBuilder

Message = dict[str, Any]
Say = Callable[[Message], None]

PACKAGE = Path(__file__).parent.parent
IDLE_SECONDS = 0.3
"""How long nothing must be asked for before the rest of the site is written."""
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_PERCENTAGE = re.compile(r"([a-z ]+)\.\.\. +\[ *(\d+)%\]")


class LiveSite:
    """A site in memory."""

    def __init__(
        self, root: Path, output: Path, settings: dict[str, str], log: io.StringIO, say: Say
    ) -> None:
        """Load the project and build it whole; Sphinx writes warnings and errors to `log`, too.

        Raises:
            Exception: whatever Sphinx and the project's conf.py raise.
        """
        self.root = root
        self._say = say
        self._complaints: dict[str, list[Message]] = {}
        self._unpublished: set[str] = set()
        self._warmed: Background | None = None
        self._namespaces = contextlib.ExitStack()
        self._namespaces.enter_context(patch_docutils(root))
        self._namespaces.enter_context(docutils_namespace())
        self.app = Sphinx(
            root,
            root,
            output,
            output.parent / "doctrees",
            "html",
            confoverrides=settings,
            status=_Progress(say),
            warning=log,
            parallel=os.cpu_count() or 1,
        )
        self._build.is_live = True
        self._build.watch = lambda name: say({"progress": name})
        handler = _Handler(self._note_complaint)
        handler.addFilter(WarningSuppressor(self.app))
        logging.getLogger(NAMESPACE).addHandler(handler)
        self.app.connect("env-purge-doc", lambda app, env, docname: self._forget(docname))
        self.app.build()
        self.app.parallel = 1  # a few pages are not worth a process
        # All of this stays; of a large site, looking through it for garbage takes seconds.
        gc.collect()
        gc.freeze()
        self._warm_up()

    @property
    def _build(self) -> Build:
        return get_build(self.app.env)

    @property
    def _builder(self) -> StandaloneHTMLBuilder:
        return self.app.builder  # type: ignore[return-value]

    @property
    def is_published(self) -> bool:
        """Whether nothing remains to be written."""
        return not self._unpublished

    def close(self) -> None:
        """End what runs for the site."""
        self._build.stop()
        self._namespaces.close()

    def must_restart(self, paths: list[Path]) -> bool:
        """Whether something has changed that a process cannot load twice."""
        config, confdir = self.app.config, Path(self.app.confdir)
        listed = [*config.templates_path, *config.html_static_path, *config.html_theme_path]
        project = self._build.project
        folders = [
            PACKAGE,
            project.evidence,
            *project.extra_frameworks,
            *(confdir / folder for folder in listed),
        ]
        return any(
            path == confdir / "conf.py" or any(path.is_relative_to(each) for each in folders)
            for path in paths
        )

    def rebuild(self) -> list[str]:
        """Read what has changed, run its examples and write its pages.

        Returns the pages that are new, and those that are gone.

        Raises:
            Exception: whatever Sphinx raises; the site is of no use then.
        """
        app, builder = self.app, self._builder
        self._complaints.pop("", None)
        app.config.exclude_patterns = self._build.used_patterns
        builder.phase = BuildPhase.READING
        known = set(app.env.found_docs)
        with pending_warnings():
            updated = set(builder.read())
        # Sphinx keeps the pickled form of what it has written, and would write that again.
        app.env._pickled_doctree_cache.clear()
        removed = known - app.env.found_docs
        for docname in removed:
            Path(builder.get_output_path(docname)).unlink(missing_ok=True)
        builder.phase = BuildPhase.RESOLVING
        builder.parallel_ok = False
        builder.finish_tasks = SerialTasks()
        written = updated & app.env.found_docs
        if written:
            builder.write_documents(written)
            builder.copy_image_files()
        self._unpublished |= updated | removed
        self._warm_up()
        return sorted(self._find_page(docname) for docname in written | removed)

    def publish(self) -> list[str]:
        """Write all that depends on what has changed; returns the pages that differ.

        Only for a process that ends afterwards.
        """
        app, builder = self.app, self._builder
        # The next request ends this process anywhere; half an environment costs a whole build.
        environment = pickle.dumps(app.env, pickle.HIGHEST_PROTOCOL)
        replace_file(Path(app.doctreedir) / ENV_PICKLE_FILENAME, environment)
        app.env.check_consistency()
        written = self._unpublished | list_outdated(app, self._build)
        written &= app.env.found_docs
        # The styles and scripts of single pages, which Sphinx would give to all.
        builder._css_files[:], builder._js_files[:] = (
            builder._orig_css_files,
            builder._orig_js_files,
        )
        app.registry.css_files.clear()
        app.registry.js_files.clear()
        # These are there: another one of them starts the engine anew. Copying empties each first.
        builder.copy_static_files = lambda: None  # type: ignore[method-assign]
        before = {docname: self._read_page(docname) for docname in written}
        builder.write((), written)
        builder.finish()
        builder.finish_tasks.join()
        app.events.emit("build-finished", None)
        return sorted(
            self._find_page(docname)
            for docname in written
            if self._read_page(docname) != before[docname]
        )

    def note_published(self) -> None:
        """Note that another process has done `publish`."""
        self._unpublished.clear()

    def list_messages(self) -> list[Message]:
        """Return what is wrong with the site."""
        build, report = self._build, self._build.report
        faults = list(build.faults)
        if report:
            faults += list_failures(report, self.app.config.optabs_fail_on)
            faults += build.list_api_faults()
        found = [_write_fault(fault) for fault in faults]
        return found + [each for some in self._complaints.values() for each in some]

    def summarise(self) -> str:
        """Return the line that a build ends with."""
        return self._build.report.summarise() if self._build.report else ""

    def list_written(self) -> list[str]:
        """Return the pages that the first build has written."""
        return sorted(map(self._find_page, self._build.written))

    def run(self, request: Message) -> Message:
        """Run edited code and judge it.

        Raises:
            OptabsError: it cannot be run; the text says why.
        """
        wanted = [str(request.get(name, "")) for name in ("page", "framework", "case", "code")]
        page, framework, case_id, code = wanted
        device, build = str(request.get("device") or "cpu"), self._build
        entry = next(
            (
                each
                for path, each in build.pages.items()
                if find_docname(self.app.env, path) == page
            ),
            None,
        )
        if entry is None or entry.op is None:
            raise OptabsError(f"there is no op at {page!r}", "reload the page")
        op, case, variant = find_trial(entry.op, framework, case_id, code)
        with Ledger(build.project.ledger) as ledger:
            plan = plan_trial(
                op,
                device,
                build.registry,
                build.targets,
                find_reference(build.registry, build.project.cache),
                ledger,
                self.app.config.optabs_time_limit,
            )
            self._run_plan(plan)
            report = judge_plan(plan, ledger, Tally())
        tab = make_tab_context(op, variant, build.registry, report, lambda key, api: None)
        shown, judgement = tab["cases"][0], report.judgements[0]
        result = shown["results"][0]
        proof = build.jinja.get_template("optabs/proof.html").render(tab=tab, result=result)
        record = judgement.record
        return {
            "verdict": judgement.verdict.value,
            "label": judgement.verdict.words,
            "reason": judgement.reason,
            "output": "".join(each["text"] for each in shown["outputs"]),
            "error": result["traceback"],
            "html": proof,
            "yaml": write_block(op, case, variant, build.registry.frameworks[framework]),
            "seconds": record.seconds if record else None,
        }

    def _run_plan(self, plan: Plan) -> None:
        build = self._build
        if not plan.batches:
            return
        build.background = build.background or Background()
        work = Work(plan, build.registry, build.project.ledger)
        for message in build.background.start(work).wait():
            if message.get("ended"):
                build.stop()
                self._warm_up()
                raise OptabsError("the process that runs examples ended", "run it again")

    def _warm_up(self) -> None:
        """Have a worker ready for every framework."""
        build = self._build
        if build.background and build.background is self._warmed:
            return
        build.background = self._warmed = build.background or Background()
        reference = find_reference(build.registry, build.project.cache)
        targets = tuple(each for each in (*build.targets, reference) if each.local_spec)
        work = Work(Plan([], {}, {}, [], {}), build.registry, build.project.ledger, targets)
        for _ in build.background.start(work).wait():
            pass

    def _find_page(self, docname: str) -> str:
        return os.path.relpath(self._builder.get_output_path(docname), self.app.outdir)

    def _read_page(self, docname: str) -> bytes:
        with contextlib.suppress(OSError):
            return Path(self._builder.get_output_path(docname)).read_bytes()
        return b""

    def _forget(self, docname: str) -> None:
        self._complaints.pop(self._shorten(str(self.app.env.doc2path(docname))), None)

    def _note_complaint(self, record: logging.LogRecord) -> None:
        if getattr(record, "type", "") == "optabs":
            return  # `list_messages` has it with its column
        place = self._shorten(str(getattr(record, "location", None) or ""))
        text = logging.LogRecord.getMessage(record)  # without its place
        message = {"level": record.levelname.lower(), "place": place, "text": text}
        self._complaints.setdefault(place.partition(":")[0], []).append(message)

    def _shorten(self, path: str) -> str:
        return path.removeprefix(f"{self.root}{os.sep}")


class _Progress(io.StringIO):
    """Hands over what Sphinx says of how far it is: ``reading sources... [ 12%] ops/abs``."""

    def __init__(self, say: Say) -> None:
        super().__init__()
        self._say = say

    def write(self, text: str) -> int:
        """See TextIOBase."""
        if found := _PERCENTAGE.search(_COLOUR.sub("", text)):
            self._say({"progress": f"{found[1]}, {found[2]} %"})
        return len(text)


class _Handler(WarningStreamHandler):
    """Hands over Sphinx's warnings and errors, as Sphinx's own handler has translated them.

    Of the same class as that one, so that they are held back together while Sphinx reads.
    """

    def __init__(self, note: Callable[[logging.LogRecord], None]) -> None:
        super().__init__(SafeEncodingWriter(sys.stderr))
        self.setLevel(logging.WARNING)
        self._note = note

    def emit(self, record: logging.LogRecord) -> None:
        """See Handler."""
        self._note(record)


def _write_fault(fault: Fault) -> Message:
    return {"level": "warning", "place": str(fault.place), "text": fault.text}


class Publisher:
    """A fork of this process that writes the rest of the site."""

    def __init__(self, site: LiveSite) -> None:
        self.site = site
        self.answer, writer = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            try:
                for number in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(number, signal.SIG_DFL)
                with os.fdopen(writer, "w") as stream:
                    json.dump({"published": _try_publish(site)}, stream)
            finally:
                os._exit(0)
        os.close(writer)

    def finish(self) -> Message:
        """Wait for its end; returns what it says."""
        with os.fdopen(self.answer) as stream:
            said = stream.read()
        os.waitpid(self._process, 0)
        self.site.note_published()  # what failed would fail again
        message: Message = json.loads(
            said or '{"published": {"pages": [], "problem": "it was killed"}}'
        )
        return message

    def stop(self) -> None:
        """End it wherever it is: what it was to write will be written again."""
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self.answer)


def _try_publish(site: LiveSite) -> Message:
    try:
        return {"pages": site.publish()}
    except Exception as error:
        traceback.print_exc()
        return {"pages": [], "problem": f"{type(error).__name__}: {error}"}


class Engine:
    """Answers requests one by one."""

    def __init__(self, root: Path, output: Path, settings: dict[str, str], say: Say) -> None:
        self.root, self.output, self.settings, self.say = root, output, settings, say
        self.log = io.StringIO()
        self.site: LiveSite | None = None
        self.publisher: Publisher | None = None

    def serve(self) -> None:
        """Answer until the input ends.

        Raises:
            SystemExit: a new process is needed.
        """
        try:
            for line in self._read_requests():
                if self.publisher:
                    self.publisher.stop()
                    self.publisher = None
                request = json.loads(line)
                if "build" in request:
                    self._build([Path(path) for path in request["build"]])
                else:
                    self.say({"ran": self._run(request.get("run", {}))})
        finally:
            if self.publisher:
                self.publisher.stop()
            if self.site:
                self.site.close()

    def _read_requests(self) -> Iterator[bytes]:
        """Yield the lines of the input; meanwhile, the rest of the site is written."""
        rest = b""
        while True:
            *lines, rest = rest.split(b"\n")
            if lines:
                yield from lines
                continue
            watched = [0, self.publisher.answer] if self.publisher else [0]
            may_publish = self.site and not self.site.is_published and not self.publisher
            ready, _, _ = select.select(watched, [], [], IDLE_SECONDS if may_publish else None)
            if 0 in ready:
                data = os.read(0, 1 << 16)
                if not data:
                    return
                rest += data
            elif ready and self.publisher:
                self.say(self.publisher.finish())
                self.publisher = None
            elif self.site:
                self.publisher = Publisher(self.site)

    def _build(self, changed: list[Path]) -> None:
        started = time.monotonic()
        pages: list[str] = []
        problem = ""
        self.log.seek(0)
        self.log.truncate()
        if changed and (self.site is None or self.site.must_restart(changed)):
            raise SystemExit(RESTART)
        try:
            if self.site is None:
                self.site = LiveSite(self.root, self.output, self.settings, self.log, self.say)
                pages = self.site.list_written()
            else:
                pages = self.site.rebuild()
        except SphinxError as error:
            problem = f"{error.category}: {error}"
        except SystemExit:
            # An error of ours, see `events`; the site with its messages may not be there yet.
            text = re.sub(r"\x1b\[[\d;]*m", "", self.log.getvalue())
            problem = text.rpartition("ERROR: ")[2].strip() or "the build was ended"
        except Exception as error:
            traceback.print_exc()
            problem = f"{type(error).__name__}: {error}"
        if problem and self.site:
            self.site.close()
            self.site = None
        messages = self.site.list_messages() if self.site else []
        if problem:
            messages.append({"level": "error", "place": "", "text": problem})
        self.say(
            {
                "built": {
                    "ok": not problem,
                    "seconds": round(time.monotonic() - started, 3),
                    "pages": pages,
                    "messages": messages,
                    "summary": self.site.summarise() if self.site else "",
                }
            }
        )

    def _run(self, request: Message) -> Message:
        if self.site is None:
            return {"problem": "the site could not be built, so nothing can be run"}
        try:
            return self.site.run(request)
        except OptabsError as error:
            return {"problem": str(error)}


def main() -> int:
    """Serve until the input ends; returns the exit status."""
    parser = argparse.ArgumentParser(prog="optabs.sphinxext.live", description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("-D", dest="settings", action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    settings = dict(each.partition("=")[::2] for each in arguments.settings)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    # Whatever is printed while the site is built is not for the reader of our messages.
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(message: Message) -> None:
        stream.write(json.dumps(message) + "\n")
        stream.flush()

    Engine(arguments.root.resolve(), arguments.output.resolve(), settings, say).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
