"""The text of an entry as Markdown that any reader knows."""

from __future__ import annotations

import pytest

from optabs.twin import write_fence, write_markdown, write_span

KNOWN = {("op", "Sine"): "sine.md", ("api", "jax.vjp"): "vjp.md"}


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("See {op}`Sine`.", "See [`Sine`](sine.md)."),
        ("See {op:op}`the sine <Sine>`.", "See [the sine](sine.md)."),
        ("See {op:api}`jax.vjp`.", "See [`jax.vjp`](vjp.md)."),
        ("See {op}`Nothing`.", "See `Nothing`."),
        ("See {doc}`the guide <guide/x>`.", "See the guide."),
        ("Of {math}`x^2` and $y$.", "Of $x^2$ and $y$."),
        ("A `dict {op}` stays.", "A `dict {op}` stays."),
        ("# A\n\n## B\n", "### A\n\n#### B"),
        ("A\n\n```python\n# no heading\n```", "A\n\n```python\n# no heading\n```"),
    ],
)
def test_roles_and_headings(text, markdown):
    assert write_markdown(text, 3, lambda typ, name: KNOWN.get((typ, name))) == markdown


def test_code_ends_where_it_should():
    assert write_span("a") == "`a`"
    assert write_span("a``b") == "```a``b```"
    assert write_span("`a") == "`` `a ``"
    assert write_fence("a\n") == "```text\na\n```"
    assert write_fence("```\na\n```", "python") == "````python\n```\na\n```\n````"
