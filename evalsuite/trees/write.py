"""Writing one model's document, unless it stands there already."""

import os
import zlib

from evalsuite.files import replacing
from evalsuite.trees.document import Document, Item
from evalsuite.trees.pool import read_source
from evalsuite.trees.source import Bad
from evalsuite.trees.store import RESULTS, Entry, Store, check_writable, save_index

Place = tuple[int, int, int]  # offset, length and crc32 of an experiment's text


def write(document: Document, store: Store, tokenizer: str | None) -> bool:
    """Write the model's file and index; False if both stand there unchanged. Raises RunError where the disk refuses."""
    document.settle()
    if document.plan() == store.plan and not any(item.body for item in document.items):
        return False
    check_writable(document.folder)
    _complete(document, tokenizer)
    places: dict[int, Place] = {}
    offset = 0
    with replacing(os.path.join(document.folder, RESULTS), "wb", sync=False) as stream:
        for item, text in document.chunks():
            stream.write(text)
            if item is not None:
                places[id(item)] = (offset, len(text), zlib.crc32(text))
            offset += len(text)
    entries = {
        item.source.path: _entry(item, places.get(id(item)), tokenizer) for item in document.items if not item.bad
    }
    save_index(document.folder, document.plan(), entries)
    return True


def _entry(item: Item, place: Place | None, tokenizer: str | None) -> Entry:
    if item.known is not None:
        tokenizer = item.known.tokenizer
    return Entry(item.facts, item.files, place, tokenizer)


def _complete(document: Document, tokenizer: str | None) -> None:
    """Give every experiment that counts its text: from where it was written before, else by reading it again."""
    missing = [item for _, _, item in document.kept if item.body is None]
    for item in missing:
        item.body = item.store.body(item.known) if item.store is not None else None
    lost = [item for item in missing if item.body is None]
    for item in lost:
        found = read_source(item.source, tokenizer)
        if isinstance(found, Bad):
            document.items.remove(item)
            document.bad.append(found)
        else:
            item.facts, item.body, item.files, item.known = found.facts, found.body, found.files, None
    if lost:
        document.settle()
        _complete(document, tokenizer)
