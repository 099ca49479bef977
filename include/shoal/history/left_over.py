"""What a run has left: shards with open images, and images that are in no number; a line each."""

from collections.abc import Iterator

from shoal.contract.shown_keys import quoted_key
from shoal.history.facts import Images, RunFacts


def tell_shards(facts: RunFacts) -> Iterator[str]:
    """Tell in a line each which shards have images left, or failed."""
    for shard in facts.shards:
        failures = [failed for failed in facts.attempts if failed.shard == shard.shard]
        if shard.open or failures:
            tried = f", {len(failures)} failed attempts, last: {failures[-1].error}" if failures else ""
            yield f"shard {shard.shard}: {shard.open} of {shard.images} images without a row{tried}"
    if facts.plan and facts.plan.shards and facts.open is None:
        yield "not told any more: python -m shoal gc has deleted the manifest"


def tell_images(facts: RunFacts) -> Iterator[str]:
    """Tell in a line each what became of images that are in no number."""
    if facts.open is not None and facts.open.count:
        yield _tell("open now", facts.open)
    yield from (_tell(what, images) for what, images in sorted(facts.fates.items()))
    archived = facts.summary.balance["archived"] if facts.summary else facts.plan.counts.archived if facts.plan else 0
    if archived:
        yield f"{archived} archived: no run can read them before they are restored"
    pending = facts.summary.balance["pending"] if facts.summary else facts.plan.counts.pending if facts.plan else 0
    if pending:
        yield f"{pending} pending: left to a later run"


def _tell(what: str, images: Images) -> str:
    if not images.first_keys:
        return f"{images.count} {what}"
    keys = ", ".join(map(quoted_key, images.first_keys))
    more = ", …" if images.count > len(images.first_keys) else ""
    return f"{images.count} {what}: {keys}{more}"
