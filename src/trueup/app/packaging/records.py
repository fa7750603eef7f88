"""What a package says about itself."""

from __future__ import annotations

from trueup.foundation.records import Record
from trueup.lifecycle.models.records import Signature

MANIFEST = "package.json"


class Package(Record):
    """A model that runs without a project.

    Attributes:
        model: Registered name.
        version: Its version.
        digest: Digest of the version.
        format: Name of the file format.
        file: Name of the model's file, in the folder.
        sha256: Digest of that file.
        signature: What it takes and gives.
        made_by: Version of Trueup.
        verdict: The verdict it stands on; empty without one.
        unproven: Why it was packaged without one.
    """

    model: str
    version: int
    digest: str
    format: str
    file: str
    sha256: str
    signature: Signature
    made_by: str
    verdict: str = ""
    unproven: str = ""


class Part(Record):
    """A layer, for people.

    Attributes:
        name: What is in it.
        digest: Of its compressed bytes.
        bytes: Its size.
        files: How many files.
        unpacked: Their bytes.
    """

    name: str
    digest: str
    bytes: int
    files: int
    unpacked: int


class Packaged(Record):
    """What was made, or would be.

    Attributes:
        model: Version.
        output: Folder that holds `image` and `app`.
        image: Digest of the image's manifest; empty for a trial.
        name: Under which readers find the image in the layout.
        base: Digest of the image that it stands on; empty without one.
        layers: Its own layers.
        referrers: What refers to it.
        requirements: What has to be installed where no wheels are inside.
        unproven: Why it was packaged without a verdict.
    """

    model: str
    output: str
    image: str
    name: str
    base: str
    layers: tuple[Part, ...]
    referrers: tuple[str, ...]
    requirements: tuple[str, ...]
    unproven: str = ""
