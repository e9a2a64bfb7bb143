"""The secret of a run: committed to before the first answer, outside of the run until its end."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from gates import pair, plan, registration
from run_folders import SECRET, begin, change, finish

from harness.content.workspace import cache_folder
from harness.errors import RunError
from harness.evidence import secret
from harness.gate.finished import recheck

FOUND = registration([plan("godot", 4)])
ROWS = pair("godot", 4, 1, 2, 1)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))


def test_every_new_run_has_its_own_and_one_that_goes_on_the_same(tmp_path: Path):
    assert secret.of_run(None) != secret.of_run(tmp_path / "new")
    secret.keep(SECRET)
    begin(tmp_path / "run", FOUND).close()
    assert secret.of_run(tmp_path / "run") == SECRET
    for path in (tmp_path / "run").rglob("*"):
        assert path.is_dir() or SECRET.hex().encode() not in path.read_bytes()
    [kept] = (cache_folder() / "secrets").iterdir()
    assert kept.parent.stat().st_mode & 0o077 == 0, "for this user alone"
    kept.write_bytes(b"another")
    with pytest.raises(RunError, match=r"settings\.json: key 'secret': .* of another secret"):
        secret.of_run(tmp_path / "run")
    shutil.rmtree(kept.parent)
    with pytest.raises(RunError, match="no such file; a run is resumed where it was begun"):
        secret.of_run(tmp_path / "run")


def test_a_finished_run_tells_it_and_another_one_is_found(tmp_path: Path):
    run = finish(tmp_path / "run", FOUND, ROWS)
    assert secret.of_run(run) == SECRET
    assert recheck.recheck(run).differences == []
    change(run / "secret.json", lambda d: d.update(secret="00" * 32))
    said = recheck.recheck(run).differences[0]
    assert said.startswith("secret.json: secret: its digest is sha256:")
    assert said.endswith(f"settings.json committed to {secret.commitment(SECRET)}")
    with pytest.raises(RunError, match="of another secret"):
        secret.of_run(run)
