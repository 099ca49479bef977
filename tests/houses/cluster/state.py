"""What a running cluster tells its users: one file, readable by its owner only."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from shoal.stores.s3_access import StoreAccess


@dataclass(frozen=True)
class State:
    """A cluster that is up.

    Attributes:
        kubeconfig: The cluster admin's.
        address: The bridge's address.
        store: MinIO's administrator.
        reader: MinIO's user with List and Get only.
        keep: Whether it stays when the tests that use it end (`make cluster`), or goes with the last of them.
        images: Imported images, by reference: a mark that changes with the archive.
    """

    kubeconfig: Path
    address: str
    store: StoreAccess
    reader: StoreAccess
    keep: bool
    images: dict[str, str] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the state for `read`."""
        partial = path.with_suffix(".partial")
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(asdict(self), indent=1, default=str))
        partial.replace(path)

    @classmethod
    def read(cls, path: Path) -> "State | None":
        """Read the state; None when no cluster is up."""
        if not path.exists():
            return None
        content = json.loads(path.read_text())
        return cls(
            kubeconfig=Path(content["kubeconfig"]),
            address=content["address"],
            store=StoreAccess(**content["store"]),
            reader=StoreAccess(**content["reader"]),
            keep=content["keep"],
            images=content["images"],
        )
