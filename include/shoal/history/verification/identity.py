"""Whether rows are those of the model that the plan names: its identity made again from the model's bytes and the settings."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from shoal.contract.errors import ContractError, ModelRefusedError, ShoalError, one_line
from shoal.contract.hashing import canonical_sha256
from shoal.contract.layout import FORMAT_VERSION
from shoal.contract.stored_json import reading, take
from shoal.models.read_release import fetch_version, read_release
from shoal.models.variant import Variant, make_variant, name_files
from shoal.models.versions import WantedModel
from shoal.results.plan_parts import StoredModel
from shoal.results.stored_plan import StoredPlan
from shoal.settings.dataset_stores import Stores

SHOWN = 12
"""Characters of a sha256 that people are shown."""


@dataclass(frozen=True)
class Identity:
    """What was found of a variant.

    Attributes:
        deviations: One sentence each; none where rows can only be of this model under these settings.
        note: What could not be looked at; empty where everything could.
    """

    deviations: tuple[str, ...]
    note: str = ""


def check_identity(stores: Stores, plan: StoredPlan) -> Identity:
    """Make a run's variant again: from the stored preimage, from what its workers were told, and from the model's own bytes.

    Args:
        stores: The dataset's buckets; that of the models may be out of reach.
        plan: Of the run that looked at the images, not of one that counts them again.
    """
    if plan.format_version != FORMAT_VERSION:
        return Identity((), f"the identity of a variant of format {plan.format_version} is not made again")
    deviations = [*_check_stored(stores, plan)]
    try:
        made = _made_of_bytes(stores, plan)
    except ModelRefusedError as err:
        return _refused(stores, plan, deviations, one_line(err))
    except ContractError as err:
        return Identity(
            tuple(deviations), f"the model of run {plan.run_key} is not there any more, its bytes prove nothing: {err}"
        )
    except ShoalError as err:
        return Identity(tuple(deviations), f"the model's bytes were not looked at: {one_line(err)}")
    return Identity((*deviations, *_compare(plan, made)))


def _refused(stores: Stores, plan: StoredPlan, deviations: list[str], why: str) -> Identity:
    """Tell a file that was replaced from one that this machine lacks something for: a family's wheel, a library."""
    others = []
    for wanted, model in _models_of(plan):
        with TemporaryDirectory(prefix="shoal-model-") as folder:
            try:
                now = fetch_version(stores.models, f"{wanted.root}{model.version}/", Path(folder), wanted.size_limit)
            except ShoalError as err:
                others.append(
                    f"variant: model {model}: {one_line(err)} - no worker of run {plan.run_key} had such a file"
                )
                continue
        if now != model.sha256:
            others.append(f"variant: {_another_file(plan, model, now)}, and not every file is understood here: {why}")
    if others:
        return Identity((*deviations, *others))
    which = (
        "the models are the files that they were, and one" if plan.then else "the model is the file that it was, and"
    )
    return Identity(tuple(deviations), f"{which} is not understood here: {why}")


def _models_of(plan: StoredPlan) -> Iterator[tuple[WantedModel, StoredModel]]:
    """Give the models of a run, each with where its versions lie."""
    yield WantedModel.first(plan.settings, plan.model.version), plan.model
    then = WantedModel.then(plan.settings)
    if then is not None and plan.then is not None:
        yield then, plan.then.model


def _another_file(plan: StoredPlan, model: StoredModel, now: str) -> str:
    return (
        f"model {model} has another file now (sha256 {now[:SHOWN]}) than run {plan.run_key} says it used "
        f"({model.sha256[:SHOWN]})"
    )


def _check_stored(stores: Stores, plan: StoredPlan) -> Iterator[str]:
    """Check `variant.json` against the plan, and the plan's job against both."""
    key = stores.layout.variant(plan.variant.directory).variant
    stored = stores.results.find_json(key)
    if stored is None:
        yield f"variant: there is no object {key}, which run {plan.run_key} wrote or found - restore it"
        return
    with reading(key, "restore it"):
        preimage, said = take(stored, "preimage", dict), take(stored, "variant_sha256", str)
    if canonical_sha256(preimage) != said:
        yield f"variant: {key} does not have the sha256 that it says - restore it"
    if said != plan.variant.sha256:
        yield f"variant: {key} is of {said[:SHOWN]}, the plan of run {plan.run_key} says {plan.variant.sha256[:SHOWN]}"
    if not plan.variant.directory.endswith(plan.variant.sha256[:SHOWN]):
        yield f"variant: folder {plan.variant.directory} is not that of {plan.variant.sha256[:SHOWN]}, which the plan says"
    if (told := _told_workers(plan)) is not None and told != preimage:
        differ = sorted(name for name in {*told, *preimage} if told.get(name) != preimage.get(name))
        yield f"variant: workers of run {plan.run_key} were told other {', '.join(differ)} than {key} says"


def _told_workers(plan: StoredPlan) -> dict[str, Any] | None:
    """Write the preimage that follows from a plan's job; None for a service, whose own settings are part of it."""
    job = plan.job
    if job.service is not None:
        return None
    settings = job.inference.to_json()
    told = {**name_files(job.model_sha256, job.model_files), **settings}
    if job.then_model is not None:
        told["then"] = {**name_files(job.then_model.sha256, job.then_model.files), **settings["then"]}
    return dict(json.loads(json.dumps(told)))  # as it is stored: JSON has no tuples


def _made_of_bytes(stores: Stores, plan: StoredPlan) -> Variant:
    """Resolve the plan's settings for the model as it lies in its bucket now."""
    settings = plan.settings
    release = read_release(stores.models, WantedModel.first(settings, plan.model.version), plan.model.version)
    wanted = WantedModel.then(settings)
    if wanted is None or plan.then is None:
        made = make_variant(release, settings)
    else:
        made = make_variant(release, settings, read_release(stores.models, wanted, plan.then.model.version))
    # What decode and boxes were at that time is told by the plan: a later release has another number for all models.
    return replace(made, inference=replace(made.inference, pipeline_version=plan.job.inference.pipeline_version))


def _compare(plan: StoredPlan, made: Variant) -> Iterator[str]:
    """Hold a plan against the variant that follows from its model's bytes and its settings."""
    pairs = [(made.release.sha256, plan.model)]
    if made.then is not None and plan.then is not None:
        pairs.append((made.then.sha256, plan.then.model))
    for now, model in pairs:
        if now != model.sha256:
            yield f"variant: {_another_file(plan, model, now)} - restore that one, under this version or another name"
            return
    if made.sha256 != plan.variant.sha256:
        yield (
            f"variant: settings and model of run {plan.run_key} make {made.sha256[:SHOWN]}, its plan says "
            f"{plan.variant.sha256[:SHOWN]} - one of them was edited"
        )
    if made.names != plan.names:
        at = next(
            n for n, pair in enumerate(zip((*made.names, None), (*plan.names, None), strict=False)) if len({*pair}) > 1
        )
        now, then = (names[at] if at < len(names) else "nothing" for names in (made.names, plan.names))
        yield f"variant: class {at} of the model is {now!r}, the plan of run {plan.run_key} says {then!r}"
    if made.task != plan.task:
        yield f"variant: the model is for {made.task}, the plan of run {plan.run_key} says {plan.task}"
