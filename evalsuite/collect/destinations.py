"""Decides where a model's file is written: into the model's folder, the first level below the folder searched.

A first-level folder belongs to its model unless it holds several models, or unless another folder holds the same model
and this one is not named after it. Results outside such folders are written into the searched folder itself if they are
all of one model and no other model was found; otherwise into a folder named after the model.
"""

import os
from collections import defaultdict

from evalsuite.collect.source import LIGHTEVAL, Source
from evalsuite.experiment import path_part


def levels(root: str, folder: str) -> list[str]:
    """The names of the folders from `root` down to `folder`; empty for `root` itself.

    >>> levels("out", "out/model/experiment"), levels("out", "out")
    (['model', 'experiment'], [])
    """
    path = os.path.relpath(folder, root)
    return [] if path == os.curdir else path.split(os.sep)


def first_level(root: str, experiment_folder: str) -> str:
    """The first-level folder that holds an experiment's folder; empty if the experiment is not inside one."""
    parts = levels(root, experiment_folder)
    return parts[0] if len(parts) > 1 else ""


def is_named_after(folder: str, model: str) -> bool:
    """Whether a folder's name contains the last part of a model's name, ignoring case and punctuation.

    >>> is_named_after("Qwen_Qwen3-1.7B-bfloat16", "Qwen/Qwen3-1.7B"), is_named_after("aime24", "Qwen/Qwen3-1.7B")
    (True, False)
    """
    wanted = _letters(model.rstrip("/").rpartition("/")[2])
    return bool(wanted) and wanted in _letters(folder)


def folder_name(model: str) -> str:
    """A safe folder name for a model's name read from a file: one path component, not hidden, at most 100 characters.

    >>> folder_name("org/tiny"), folder_name("../.."), folder_name(".hidden")
    ('org_tiny', '_._..', '_hidden')
    """
    name = path_part(model).encode("utf-8", "replace").decode().replace("\\", "_")[:100].strip()
    return f"_{name[1:]}" if name.startswith(".") or not name else name


def destinations(root: str, found: list[tuple[Source, str]], others: bool) -> list[str]:
    """The folder that each experiment's model is written into; `found` holds pairs of experiment and model.

    `others` says that other models have been written already.
    """
    folders = [_own_folder(root, source, model) for source, model in found]
    models_in, folders_of = defaultdict(set), defaultdict(set)
    for folder, (_, model) in zip(folders, found, strict=True):
        models_in[folder].add(model)
        folders_of[model].add(folder)
    kept = [
        folder
        if folder and len(models_in[folder]) == 1 and (len(folders_of[model]) == 1 or is_named_after(folder, model))
        else ""
        for folder, (_, model) in zip(folders, found, strict=True)
    ]
    without_folder = {model for folder, (_, model) in zip(kept, found, strict=True) if not folder}
    is_only_model = len(without_folder) == 1 and not any(kept) and not others
    return [
        os.path.join(root, folder or folder_name(model)) if folder or not is_only_model else root
        for folder, (_, model) in zip(kept, found, strict=True)
    ]


def _own_folder(root: str, source: Source, model: str) -> str:
    """The first-level folder; also a lighteval output folder on the first level that is named after the model."""
    parts = levels(root, source.folder)
    if len(parts) == 1 and source.kind == LIGHTEVAL and is_named_after(parts[0], model):
        return parts[0]
    return parts[0] if len(parts) > 1 else ""


def _letters(name: str) -> str:
    return "".join(char for char in name.casefold() if char.isalnum())
