"""Which base an adapter belongs to, and which bytes are judged: what a loader reads."""

import os
import shutil
import sqlite3
import time

import mlx.core as mx
import pytest
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.tuner.utils import load_adapters
from mlx_lm.utils import load_model
from tiny_model import edit_config, make_base

from harness.digests import SealNotice, folder_digest


def fuse(adapter, base):
    """The base that is there holds the adapter already."""
    model, _ = load_model(base)
    load_adapters(model, str(adapter))
    fused = [(name, m.fuse()) for name, m in model.named_modules() if hasattr(m, "fuse")]
    model.update_modules(tree_unflatten(fused))
    weights = dict(tree_flatten(model.parameters()))
    mx.save_safetensors(str(base / "model.safetensors"), weights)


def test_an_adapter_over_a_base_that_holds_it_already(check, adapter, base, tmp_path):
    other = shutil.copytree(base, tmp_path / "fused")
    fuse(adapter, other)
    edit_config(adapter, trained_on_base=folder_digest(other))
    codes = [fault.code for fault in check(on=other).faults]
    assert codes == ["already-fused"]


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ("someone/Tiny", "base-not-recorded"),
        ("someone/tiny-4bit", "other-precision"),
        ("models/other", "other-base"),
    ],
)
def test_a_base_that_is_only_named(check, adapter, named, code):
    edit_config(adapter, trained_on_base=None, model=named)
    found = check()
    [told] = [*found.faults, *found.notices]
    assert told.code == code
    assert ("trained_on_base: sha256:" in told.text) is (code != "other-precision")


def test_a_base_that_is_named_by_its_folder_is_digested(check, adapter, base, tmp_path):
    edit_config(adapter, trained_on_base=None, model=str(base))
    assert check().notices == check().faults == []
    other = make_base(tmp_path / "elsewhere", seed=9)
    edit_config(adapter, trained_on_base=None, model=str(other))
    [fault] = check(memory=tmp_path).faults
    assert fault.code == "wrong-base"
    assert fault.text.endswith("they differ in model.safetensors")


def test_what_no_loader_reads_changes_no_identity(adapter, base, tmp_path):
    other = shutil.copytree(base, tmp_path / "copy")
    before = [folder_digest(folder) for folder in (other, adapter)]
    for folder in (other, adapter):
        for name in (
            "LICENSE.txt",
            "notes.md",
            "0000100_adapters.safetensors",
            "trainer_state.json",
        ):
            (folder / name).write_bytes(b"x" * 1000)
        (folder / "checkpoint-5").mkdir()
        (folder / "checkpoint-5" / "adapters.safetensors").write_bytes(b"x")
    assert [folder_digest(folder) for folder in (other, adapter)] == before
    for name in ("chat_template.jinja", "adapter_model.safetensors", "added_tokens.json"):
        (adapter / name).write_bytes(b"{}")
        assert folder_digest(adapter) not in before
        (adapter / name).unlink()


def test_the_library_pins_the_bytes_of_an_adapter(check, adapter):
    pin = folder_digest(adapter)
    assert check(digest=pin).faults == []
    edit_config(adapter, note="another revision")
    assert [fault.code for fault in check(digest=pin).faults] == ["adapter-changed"]


@pytest.mark.parametrize("status", ["queued", "training", "superseded"])
def test_what_the_library_does_not_let_ship_does_not_ship(check, status):
    [fault] = check(status=status).faults
    assert (fault.code, fault.severity) == ("status", "block")
    assert fault.text.startswith(f"its status in the library is {status}")
    assert check(status="shipped").faults == []


def test_an_adapter_that_does_not_name_its_base_is_noticed(check, adapter, base):
    edit_config(adapter, trained_on_base=None)
    found = check()
    assert found.faults == []
    assert [notice.code for notice in found.notices] == ["base-not-recorded"]
    assert check(trained_on_base=folder_digest(base)).notices == []


def test_a_remembered_digest_holds_until_a_byte_changes(tmp_path):
    memory, folder = tmp_path / "memory", tmp_path / "model"
    memory.mkdir()
    folder.mkdir()
    (folder / "weights").write_bytes(b"a" * 5000)
    time.sleep(2.1)  # younger files are not remembered
    before = folder_digest(folder, memory)
    assert before == folder_digest(folder) == folder_digest(folder, memory)
    was = (folder / "weights").stat()
    (folder / "weights").write_bytes(b"a" * 4999 + b"b")
    os.utime(folder / "weights", ns=(was.st_atime_ns, was.st_mtime_ns))  # the clock is turned back
    assert folder_digest(folder, memory) == folder_digest(folder) != before
    (folder / "weights").write_bytes(b"a" * 5000)
    time.sleep(2.1)
    assert folder_digest(folder, memory) == before
    with sqlite3.connect(memory / "digests.sqlite") as db:
        db.execute("UPDATE sealed SET digest = ?", ("0" * 64,))
    with pytest.warns(SealNotice, match="the digest kept of .*weights has not this cache's seal"):
        assert folder_digest(folder, memory) == before
