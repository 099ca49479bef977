"""What a run's workers may do in one bucket, as the policy that a token service makes a key by."""

import json
from collections.abc import Iterable
from typing import Any

from shoal.contract.errors import NoRunKeyError
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


def session_policy(bucket: str, rights: Rights, region: str = "", *, by_kms: bool = False) -> str:
    """Write rights as a policy: JSON without a space too many.

    Args:
        bucket: Name of the bucket.
        rights: What may be done in it.
        region: Where it is; AWS's names of things differ in China and GovCloud.
        by_kms: Whether the store is Amazon's, where keys of its KMS may encrypt objects.

    Raises:
        NoRunKeyError: It is longer than token services take.
    """
    part = "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    arn = f"arn:{part}:s3:::{bucket}"
    statements = [
        *_objects(arn, ["s3:GetObject"], rights.read),
        *_objects(arn, ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"], rights.write),
        *_objects(arn, ["s3:DeleteObject"], rights.delete),
        *_names(arn, rights),
    ] or [{"Effect": "Deny", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::*"]}]
    policy = {"Version": "2012-10-17", "Statement": [*statements, *([_BY_KMS] if by_kms else [])]}
    text = json.dumps(policy, separators=(",", ":"), ensure_ascii=False)
    if len(text) > MOST_CHARACTERS:
        raise NoRunKeyError(
            f"its policy would have {len(text)} characters, of which token services take {MOST_CHARACTERS} - shorten "
            "source.prefix or results.prefix"
        )
    return text


def _objects(arn: str, actions: list[str], prefixes: Iterable[str]) -> list[dict[str, Any]]:
    resources = [f"{arn}/{_literal(prefix)}*" for prefix in prefixes]
    return [{"Effect": "Allow", "Action": actions, "Resource": resources}] if resources else []


def _names(arn: str, rights: Rights) -> list[dict[str, Any]]:
    """Write what may be listed: all of it without a condition, as only then AWS tells what is gone from what is denied."""
    allow = {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [arn]}
    if "" in rights.names:
        return [allow]
    patterns = [f"{_literal(prefix)}*" for prefix in rights.names]
    within = [{**allow, "Condition": {"StringLike": {"s3:prefix": patterns}}}] if patterns else []
    exact = {"s3:prefix": list(rights.folders), "s3:delimiter": "/"}
    return [*within, *([{**allow, "Condition": {"StringEquals": exact}}] if rights.folders else [])]


def _literal(prefix: str) -> str:
    """Write a prefix so that no variable of a policy is in it: `${…}` there is replaced. Stars mean themselves and more."""
    return prefix.replace("$", "?")
