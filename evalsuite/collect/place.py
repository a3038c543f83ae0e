"""Where a model's file is written: into the model's own folder, which is the first level below the one scanned.

A first-level folder is its model's unless it holds several models, or another folder holds the same model and this
one is not named after it. What lies outside such folders goes into the scanned folder itself where it is of one
model and there is no other, else into a folder named after the model.
"""

import os
from collections import defaultdict

from evalsuite.collect.source import LIGHTEVAL, Source
from evalsuite.experiment import path_part

Named = tuple[Source, str]  # an experiment and its model


def levels(root: str, folder: str) -> list[str]:
    """The folders from `root` down to `folder`, none for `root` itself.

    >>> levels("out", "out/model/experiment"), levels("out", "out")
    (['model', 'experiment'], [])
    """
    path = os.path.relpath(folder, root)
    return [] if path == os.curdir else path.split(os.sep)


def group_of(root: str, source_folder: str) -> str:
    """The model folder an experiment lies in by its depth alone; empty where it has none."""
    parts = levels(root, source_folder)
    return parts[0] if len(parts) > 1 else ""


def is_named_after(folder: str, model: str) -> bool:
    """Whether a folder's name contains the last part of a model's, but for case and punctuation.

    >>> is_named_after("Qwen_Qwen3-1.7B-bfloat16", "Qwen/Qwen3-1.7B"), is_named_after("aime24", "Qwen/Qwen3-1.7B")
    (True, False)
    """
    wanted = _letters(model.rstrip("/").rpartition("/")[2])
    return bool(wanted) and wanted in _letters(folder)


def folder_of(model: str) -> str:
    """A folder name for a model that some file names: one part of a path, not hidden, at most 100 characters.

    >>> folder_of("org/tiny"), folder_of("../.."), folder_of(".hidden")
    ('org_tiny', '_._..', '_hidden')
    """
    name = path_part(model).encode("utf-8", "replace").decode().replace("\\", "_")[:100].strip()
    return f"_{name[1:]}" if name.startswith(".") or not name else name


def _letters(name: str) -> str:
    return "".join(char for char in name.casefold() if char.isalnum())


def targets(root: str, found: list[Named], others: bool) -> list[str]:
    """The folder that each experiment's model is written into; `others` tells of models placed already."""
    folders = [_own_folder(root, source, model) for source, model in found]
    models, places = defaultdict(set), defaultdict(set)
    for folder, (_, model) in zip(folders, found, strict=True):
        models[folder].add(model)
        places[model].add(folder)
    kept = [
        folder
        if folder and len(models[folder]) == 1 and (len(places[model]) == 1 or is_named_after(folder, model))
        else ""
        for folder, (_, model) in zip(folders, found, strict=True)
    ]
    loose = {model for folder, (_, model) in zip(kept, found, strict=True) if not folder}
    alone = len(loose) == 1 and not any(kept) and not others
    return [
        os.path.join(root, folder or folder_of(model)) if folder or not alone else root
        for folder, (_, model) in zip(kept, found, strict=True)
    ]


def _own_folder(root: str, source: Source, model: str) -> str:
    """A first-level lighteval output folder may be a model's too, if its name says so."""
    parts = levels(root, source.folder)
    if len(parts) == 1 and source.kind == LIGHTEVAL and is_named_after(parts[0], model):
        return parts[0]
    return parts[0] if len(parts) > 1 else ""
