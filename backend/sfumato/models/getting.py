"""`sfumato models get`: a model of the hub into the hub's own cache, where other programs find it, too.

huggingface_hub does the fetching: it goes on where it was interrupted. Here is decided what of a repository is wanted.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sfumato.errors import InputError, SfumatoError
from sfumato.models.places import hub_cache

WEIGHTS = ".safetensors"
TEXTS = (".json", ".txt", ".model", ".jinja")  # configurations, vocabularies and how language models are spoken to
SPARE = ("safety_checker/", "feature_extractor/", "image_encoder/")  # nothing here asks for them
HALF = re.compile(r"\.fp16[.-]")


def get(asked: str, revision: str | None = None, say: Callable[[str], None] = print) -> Path:
    """Fetch OWNER/NAME, or one file of it (OWNER/NAME/FILE.safetensors); gives where it lies now. revision: a branch, a
    tag or a commit; None is the newest. Raises InputError where there is no such thing, SfumatoError where the hub or
    the disk fails."""
    parts = asked.strip("/").split("/")
    if len(parts) < 2 or not all(parts):
        raise InputError("no_hub_id", f"'{asked}' is no model of the hub. Name it as OWNER/NAME.")
    repository, file = "/".join(parts[:2]), "/".join(parts[2:])
    with _told(repository if revision is None else f"{repository} at {revision}"):
        from huggingface_hub import HfApi, snapshot_download, try_to_load_from_cache

        cache = hub_cache(os.environ)
        info = HfApi().model_info(repository, revision=revision, files_metadata=True)
        sizes = {entry.rfilename: entry.size or 0 for entry in info.siblings or ()}
        wanted = chosen(repository, list(sizes), file)
        here = [name for name in wanted if try_to_load_from_cache(repository, name, cache, info.sha)]
        whole, known = (sum(sizes[name] for name in names) for names in (wanted, here))
        say(f"{repository}: {len(wanted)} files, {_size(whole)}, of which {_size(known)} are here already.")
        _room(cache, whole - known)
        # A name can mean what is in brackets to the hub's patterns.
        patterns = [name.replace("[", "[[]") for name in wanted]
        # Of the commit whose sizes were told, whatever is pushed meanwhile.
        top = Path(snapshot_download(repository, revision=info.sha, allow_patterns=patterns, cache_dir=cache))
        _name(top, revision or "main")
    return top / file


def chosen(repository: str, files: list[str], file: str = "") -> list[str]:
    """What is wanted of a repository with these files: this one file; or its parts in diffusers' layout, in half
    precision where all of them are there in it; or its only weights. Raises InputError."""
    if file:
        if file not in files or not file.endswith(WEIGHTS):
            raise InputError("no_such_file", f"{repository} has no {file} that is .safetensors.{_there(files)}")
        return [file]
    if "model_index.json" not in files:
        single = [name for name in files if name.endswith(WEIGHTS)]
        if len(single) == 1:
            return single
        what = "has no weights as .safetensors" if not single else "holds several models: name one of its files"
        raise InputError("which_file", f"{repository} {what}.{_there(files)}")
    parts = [name for name in files if name.count("/") <= 1 and not name.startswith(SPARE)]
    texts = [name for name in parts if name.endswith(TEXTS) and ".index." not in name]
    weights = [name for name in parts if "/" in name and (name.endswith(WEIGHTS) or f"{WEIGHTS}.index." in name)]
    half = [name for name in weights if HALF.search(name)]
    plain = [name for name in weights if name.count(".") == 1 or f"{WEIGHTS}.index.json" in name]
    folders = {name.partition("/")[0] for name in weights}
    taken = half if {name.partition("/")[0] for name in half} == folders else plain
    if not taken:
        raise InputError("which_file", f"{repository} has no weights as .safetensors.{_there(files)}")
    return sorted(texts + taken)


def _name(top: Path, revision: str) -> None:
    """Keep which commit that branch or tag is, as huggingface_hub does where it fetches by its name. top: the folder of
    the commit."""
    ref = top.parent.parent / "refs" / revision
    if revision == top.name or (ref.is_file() and ref.read_text(encoding="utf-8") == top.name):
        return
    ref.parent.mkdir(parents=True, exist_ok=True)
    fresh = ref.with_name(f"{ref.name}.part")
    fresh.write_text(top.name, encoding="utf-8")
    fresh.replace(ref)


def _there(files: list[str]) -> str:
    single = [name for name in files if name.endswith(WEIGHTS) and "/" not in name]
    return f" There is: {', '.join(single)}." if single else ""


def _room(place: Path, size: int) -> None:
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if size > free:
        sentence = (
            f"{_size(size)} are to be fetched, and {place} has room for {_size(free)}. Make room, or set HF_HOME."
        )
        raise SfumatoError("no_room", sentence)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


@contextmanager
def _told(what: str) -> Iterator[None]:
    """What goes wrong with the hub, in a sentence."""
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError:
        said = "asks you to accept its licence first: do so on its page, then `hf auth login`, then try again"
        raise SfumatoError("gated", f"{what} {said}.") from None
    except (errors.RevisionNotFoundError, errors.RepositoryNotFoundError, errors.HFValidationError):
        raise InputError("not_there", f"The hub has no {what}, or keeps it private.") from None
    except (errors.LocalEntryNotFoundError, ConnectionError, httpx2.ConnectError, httpx2.TimeoutException):
        raise SfumatoError("offline", f"The hub cannot be reached, so {what} cannot be fetched.") from None
    except (OSError, httpx2.HTTPError) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0].rstrip(".")
        raise SfumatoError("not_fetched", f"{what} could not be fetched ({reason}). Try again.") from None
