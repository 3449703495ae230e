"""Examples run on a real Dask cluster of processes on loopback."""

from __future__ import annotations

import json

from .conftest import write_ops


def test_smoke(cluster, build_project):
    write_ops(build_project.ops, 20)
    machine = cluster.join("gpu1", CUDA_FAKE="1")
    done = build_project.run("verify", "--scheduler", cluster.address, "--json", "out.json")
    print(done.stdout, done.stderr, machine.output)
    export = json.loads((build_project.folder / "out.json").read_text())
    print(json.dumps(export["frameworks"][:3]))
    assert 0
