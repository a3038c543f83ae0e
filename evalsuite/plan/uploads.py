"""Uploading scores to Weights & Biases, TensorBoard and the hub: what is requested, and whether it can work."""

import argparse
import contextlib
import importlib.util
import netrc
import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from evalsuite.errors import UserError


@dataclass(frozen=True)
class Uploads:
    """The uploads that are requested: to a W&B project, as TensorBoard events, to a user or organisation of the hub."""

    wandb: str | None = None
    tensorboard: bool = False
    hub: str | None = None

    @classmethod
    def of(cls, args: argparse.Namespace) -> "Uploads":
        """The uploads that the flags request."""
        return cls(args.wandb, args.tensorboard, args.push_to_hub)


def check(args: argparse.Namespace) -> None:
    """Raise UserError if a package, project or key is missing, which would otherwise be noticed after hours of work."""
    if args.wandb is not None:
        _check_wandb(args.wandb)
    if args.tensorboard:
        check_tensorboard("--tensorboard")
    if args.push_to_hub is not None:
        _check_hub(args.push_to_hub)


def _check_wandb(project: str) -> None:
    if not project:
        raise UserError("--wandb needs a project; write --wandb PROJECT, or set WANDB_PROJECT")
    if not _installed("trackio"):  # lighteval uses it instead of wandb if it is installed
        check_wandb("--wandb", "wandb (or trackio)")


def check_wandb(asked: str, package: str = "wandb") -> None:
    """Raise UserError if wandb is not installed, or has no key for its server. `asked` is the setting that needs it."""
    if not _installed("wandb"):
        raise UserError(f"{asked} needs the package {package}: pip install wandb")
    online = os.environ.get("WANDB_MODE", "online") in ("online", "run", "shared")
    if online and not os.environ.get("WANDB_API_KEY") and not _in_netrc():
        raise UserError(f"{asked} needs a key; run `wandb login`, set WANDB_API_KEY, or set WANDB_MODE=offline")


def leave_inherited_service() -> None:
    """Make W&B start its own service for this process.

    A program that started us and uses W&B itself, such as the training, passes the address of its service on in the
    environment. That service would store what we log only when that program ends, or never.
    """
    os.environ.pop("WANDB_SERVICE", None)


def check_tensorboard(asked: str) -> None:
    """Raise UserError if tensorboardX is not installed. `asked` is the setting that needs it."""
    if not _installed("tensorboardX"):
        raise UserError(f"{asked} needs the package tensorboardX: pip install tensorboardX")


def _in_netrc() -> bool:
    """Whether the key is in the file in which `wandb login` stores it."""
    host = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname
    with contextlib.suppress(OSError, netrc.NetrcParseError):
        return netrc.netrc(os.environ.get("NETRC")).authenticators(host or "") is not None
    return False


def _check_hub(organisation: str) -> None:
    from huggingface_hub import get_token
    from huggingface_hub.constants import HF_HUB_OFFLINE

    if HF_HUB_OFFLINE:
        raise UserError("--push_to_hub cannot work while HF_HUB_OFFLINE is set; leave one of them out")
    if not organisation or "/" in organisation:
        raise UserError(f"--push_to_hub {organisation!r}: give the name of a user or organisation of the hub")
    if get_token() is None:
        raise UserError("--push_to_hub needs a token; run `hf auth login`, or set HF_TOKEN")


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
