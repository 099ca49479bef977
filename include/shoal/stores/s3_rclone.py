"""How rclone, in the sidecar that mounts a bucket, is told of an S3 store and of each kind of login."""

import re
from collections.abc import Mapping

from shoal.stores.access import RcloneRemote
from shoal.stores.s3_codes import meaning_of
from shoal.stores.s3_errors import region_in_words
from shoal.stores.s3_meaning import About

_OF_A_LOGIN = frozenset({"identity", "role_arn", "role_external_id", "sts_url", "token_file"})

# rclone itself asks AWS for a role, whatever the store; the SDK inside it can be told whom to ask.
_LOGIN_SCRIPT = """\
if [ -n "${identity}${role_arn}" ]; then \
export RCLONE_S3_ENV_AUTH=true AWS_SHARED_CREDENTIALS_FILE=/dev/null; \
[ -z "${sts_url}" ] || export AWS_ENDPOINT_URL_STS="${sts_url}"; \
[ -z "${ca_file}" ] || export AWS_CA_BUNDLE="${ca_file}"; \
role="${{{role_arn}:-$AWS_ROLE_ARN}}"; token="${{{token_file}:-$AWS_WEB_IDENTITY_TOKEN_FILE}}"; \
[ "${identity}" = machine ] || {{ \
export AWS_PROFILE=shoal AWS_CONFIG_FILE="$(mktemp)"; \
printf '[profile shoal]\\nregion=%s\\nrole_arn=%s\\nrole_session_name=shoal\\n' "$RCLONE_S3_REGION" "$role" >"$AWS_CONFIG_FILE"; \
if [ "${identity}" = web ]; then printf 'web_identity_token_file=%s\\n' "$token"; \
else [ -z "${role_external_id}" ] || printf 'external_id=%s\\n' "${role_external_id}"; \
printf 'source_profile=key\\n[profile key]\\naws_access_key_id=%s\\naws_secret_access_key=%s\\n' \
"$RCLONE_S3_ACCESS_KEY_ID" "$RCLONE_S3_SECRET_ACCESS_KEY"; fi >>"$AWS_CONFIG_FILE"; }}; \
unset RCLONE_S3_ACCESS_KEY_ID RCLONE_S3_SECRET_ACCESS_KEY RCLONE_S3_SESSION_TOKEN; fi;"""
"""Tells rclone of a login that ends in the words of the AWS SDK inside it, which renews it: a profile with a role."""


def reach_by_rclone(names: Mapping[str, str], bucket: str) -> RcloneRemote:
    """Tell how rclone reaches a bucket.

    Args:
        names: Of the environment's variables, see `StoreAccess.env_names`.
        bucket: Name of the bucket.
    """
    environment = {
        "RCLONE_S3_ENDPOINT": names["endpoint_url"],
        "RCLONE_S3_ACCESS_KEY_ID": names["access_key"],
        "RCLONE_S3_SECRET_ACCESS_KEY": names["secret_key"],
        "RCLONE_S3_REGION": names["region"],
        "RCLONE_S3_SESSION_TOKEN": names["session_token"],
        "RCLONE_S3_FORCE_PATH_STYLE": names["path_style"],
        **{name: name for part, name in names.items() if part in _OF_A_LOGIN},
    }
    options = {"--s3-provider": "Other", "--s3-no-check-bucket": "", "--s3-no-head-object": ""}
    login = _LOGIN_SCRIPT.format(**names)
    return RcloneRemote(f":s3:{bucket}", environment, options, "RCLONE_S3_ENDPOINT", names["ca_file"], login)


_ANSWERED = re.compile(r"api error ([\w.]+)")
"""How the AWS SDK inside rclone names a store's answer."""


def other_region_said(said: str) -> str | None:
    """Tell which region a store named to rclone instead of the one that it was asked in; None where it named none."""
    code = _ANSWERED.search(said)
    meaning = meaning_of(code[1]) if code else None
    return region_in_words(said) if meaning is not None and meaning.about is About.REGION else None
