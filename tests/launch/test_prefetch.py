"""--prefetch without a network: existing models and data are reported, a missing model is one line."""

from evalsuite.launch import prefetch


def cached(folder, name, revision="0" * 40):
    """Create a hub cache that holds a model with one file."""
    model = folder / ("models--" + name.replace("/", "--"))
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text(revision)
    (model / "snapshots" / revision).mkdir(parents=True)
    (model / "snapshots" / revision / "config.json").write_text("{}")


def test_a_cached_model_and_local_data_are_reported_as_existing(tmp_path, monkeypatch, capsys):
    cached(tmp_path, "org/name")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub._snapshot_download.constants.HF_HUB_CACHE", str(tmp_path))
    assert prefetch.main(["--model", "org/name", "--task", "demo_words", "demo_arithmetic"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["exists"] * 3


def test_a_model_that_cannot_be_fetched_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert prefetch.main(["--model", "org/absent", "--task", "demo_words"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
