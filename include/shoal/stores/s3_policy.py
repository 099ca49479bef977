"""What a run's workers may do in one bucket, as the policy that a token service makes a key by."""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from shoal.contract.errors import NoRunKeyError, shown
from shoal.contract.run_rights import Rights

MOST_CHARACTERS = 2048
"""Of a session policy: what AWS and MinIO take."""

_BY_KMS = {
    "Effect": "Allow",
    "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
    "Resource": "*",
    "Condition": {"StringLike": {"kms:ViaService": "s3.*"}},
}
"""A session may do no more than its policy says: without this none of AWS's could read what a key of its KMS encrypts."""

_PATTERN = re.compile(r"[*?]|\$\{")
"""What means more than itself in a policy: any name, any character, a variable."""


def session_policy(bucket: str, rights: Rights, region: str = "", *, amazon: bool = False) -> str:
    """Write rights as a policy: JSON without a space too many.

    Args:
        bucket: Name of the bucket.
        rights: What may be done in it.
        region: Where it is; Amazon's names of things differ in China and GovCloud.
        amazon: Whether the store is Amazon's: keys of its KMS may encrypt objects, and any character can be written.

    Raises:
        NoRunKeyError: It is longer than token services take, or a prefix cannot be written into it.
    """
    part = _partition(region) if amazon else "aws"
    arn, literal = f"arn:{part}:s3:::{bucket}", _literal_on_amazon if amazon else _literal
    statements = [
        *_objects(arn, ["s3:GetObject"], map(literal, rights.read)),
        *_objects(
            arn, ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"], map(literal, rights.write)
        ),
        *_objects(arn, ["s3:DeleteObject"], map(literal, rights.delete)),
        *_names(arn, rights, literal),
    ] or [{"Effect": "Deny", "Action": ["s3:*"], "Resource": [f"arn:{part}:s3:::*"]}]
    policy = {"Version": "2012-10-17", "Statement": [*statements, *([_BY_KMS] if amazon else [])]}
    text = json.dumps(policy, separators=(",", ":"), ensure_ascii=False)
    if len(text) > MOST_CHARACTERS:
        raise NoRunKeyError(
            f"its policy would have {len(text)} characters, of which token services take {MOST_CHARACTERS} - shorten "
            "source.prefix or results.prefix"
        )
    return text


def _partition(region: str) -> str:
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"


def _objects(arn: str, actions: list[str], prefixes: Iterable[str]) -> list[dict[str, Any]]:
    resources = [f"{arn}/{prefix}*" for prefix in prefixes]
    return [{"Effect": "Allow", "Action": actions, "Resource": resources}] if resources else []


def _names(arn: str, rights: Rights, literal: Callable[[str], str]) -> list[dict[str, Any]]:
    """Write what may be listed: all of it without a condition, as only then AWS tells what is gone from what is denied."""
    allow = {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [arn]}
    if "" in rights.names:
        return [allow]
    patterns = [f"{literal(prefix)}*" for prefix in rights.names]
    within = [{**allow, "Condition": {"StringLike": {"s3:prefix": patterns}}}] if patterns else []
    exact = {"s3:prefix": [literal(folder) for folder in rights.folders], "s3:delimiter": "/"}
    return [*within, *([{**allow, "Condition": {"StringEquals": exact}}] if rights.folders else [])]


def _literal_on_amazon(prefix: str) -> str:
    """Write a prefix by the variables that stand for the characters which mean more than themselves."""
    return re.sub(r"[*?$]", lambda found: f"${{{found[0]}}}", prefix)


def _literal(prefix: str) -> str:
    """Take a prefix as it is.

    Raises:
        NoRunKeyError: It would open what lies beside it, too.
    """
    if found := _PATTERN.search(prefix):
        raise NoRunKeyError(
            f"{found[0]!r} in the prefix {shown(prefix, 200)!r} means any name in a policy of this store, and the key would "
            "open what lies beside it - a prefix without * and ? and ${ gets one"
        )
    return prefix
