"""Where scores go beside the output tree: Weights & Biases, TensorBoard, the Hub. What each needs is checked first."""

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
    """A W&B project, whether to write TensorBoard events, a Hub user or organisation; None, False: not asked."""

    wandb: str | None = None
    tensorboard: bool = False
    hub: str | None = None

    @classmethod
    def of(cls, args: argparse.Namespace) -> "Uploads":
        return cls(args.wandb, args.tensorboard, args.push_to_hub)


def check(args: argparse.Namespace) -> None:
    """Raise UserError for a package, a project or a key that is missing: it would be missed after hours of work."""
    if args.wandb is not None:
        _check_wandb(args.wandb)
    if args.tensorboard:
        check_tensorboard("--tensorboard")
    if args.push_to_hub is not None:
        _check_hub(args.push_to_hub)


def _check_wandb(project: str) -> None:
    if not project:
        raise UserError("--wandb: name a project, --wandb PROJECT or WANDB_PROJECT in the environment")
    if not _installed("trackio"):  # lighteval prefers it
        check_wandb("--wandb", "wandb (or trackio)")


def check_wandb(asked: str, package: str = "wandb") -> None:
    """Raise UserError where the package, or a key for a server, is missing; `asked` is what needs it."""
    if not _installed("wandb"):
        raise UserError(f"{asked} needs the package {package}: pip install wandb")
    online = os.environ.get("WANDB_MODE", "online") in ("online", "run", "shared")
    if online and not os.environ.get("WANDB_API_KEY") and not _in_netrc():
        raise UserError(f"{asked}: no key; run `wandb login`, or set WANDB_API_KEY, or WANDB_MODE=offline")


def leave_inherited_service() -> None:
    """Have W&B start a service for this process alone. A program that started us and uses W&B, the training say, leaves
    the address of its own in the environment: that one would write down what we log when that program ends, or never.
    """
    os.environ.pop("WANDB_SERVICE", None)


def check_tensorboard(asked: str) -> None:
    """Raise UserError where the package is missing; `asked` is what needs it."""
    if not _installed("tensorboardX"):
        raise UserError(f"{asked} needs the package tensorboardX: pip install tensorboardX")


def _in_netrc() -> bool:
    """Where `wandb login` leaves the key."""
    host = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname
    with contextlib.suppress(OSError, netrc.NetrcParseError):
        return netrc.netrc(os.environ.get("NETRC")).authenticators(host or "") is not None
    return False


def _check_hub(organisation: str) -> None:
    from huggingface_hub import get_token
    from huggingface_hub.constants import HF_HUB_OFFLINE

    if HF_HUB_OFFLINE:
        raise UserError("--push_to_hub, but HF_HUB_OFFLINE is set; leave one of them out")
    if not organisation or "/" in organisation:
        raise UserError(f"--push_to_hub {organisation!r}: name a user or organisation of the Hub")
    if get_token() is None:
        raise UserError("--push_to_hub: no token; run `hf auth login`, or set HF_TOKEN")


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
