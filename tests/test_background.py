"""The process that runs examples beside a build."""

from __future__ import annotations

from optabs.background import Background, Work
from optabs.plan import Plan


def test_it_ends_quietly_while_it_waits_for_work(registry, tmp_path, capfd):
    background = Background()
    work = Work(Plan([], {}, {}, [], {}), registry, tmp_path)
    assert list(background.start(work).wait()) == [{"ended": 0}]
    background._process.terminate()  # its input is still open
    assert background._process.wait() == 130
    background.stop()
    assert capfd.readouterr().err == ""
