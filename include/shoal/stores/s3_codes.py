"""The table of an S3 server's error codes: what each is about, whether it passes, and the way out.

Each code stands under where it was read, see `SOURCES`; OVH runs Ceph's gateway and one of its own with AWS's codes.
"""

from shoal.stores.s3_meaning import CHECK_LOGIN, NEW_TOKEN, About, Meaning

_KMS = "the login needs kms:Decrypt for the key that encrypts it, and that key must be enabled"
_OUR_FAULT = "report this with the store's name and version"
_SERVER_LOG = "see the store's log"

_OWN_KEY = "it is encrypted with a key that the client must bring (SSE-C), which Shoal cannot: copy it without"

SOURCES = {
    "AWS": "docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, List of error codes",
    "AWS common": "docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html",
    "AWS STS": "docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html, Errors",
    "AWS KMS": "docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html, Errors; S3 passes them on as KMS.…",
    "AWS SDK": "docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html: what its clients take for throttling",
    "MinIO": "github.com/minio/minio, cmd/api-errors.go and cmd/sts-errors.go of 2026-02-12",
    "MinIO before": "the same before 2025, when XMinioParentIsObject went",
    "versitygw": "github.com/versity/versitygw 1.8.0, s3err",
    "Ceph": "github.com/ceph/ceph, src/rgw/rgw_common.cc, rgw_http_s3_errors",
    "Zenko": "github.com/scality/Zenko, docs/docsource/reference/zenko_api_primer/error_messages.rst",
    "Wasabi": "docs.wasabi.com/docs/rest-api-introduction, HTTP Error Codes",
    "Google": "cloud.google.com/storage/docs/xml-api/reference-status",
    "client": "minio-py, api.py: what it makes of an answer without a body; rclone's `serve s3`",
}
"""Where the codes of the table were read; a code of several stands at the first."""

_GROUPS: tuple[tuple[About, str, dict[str, str]], ...] = (
    # One object
    (
        About.OBJECT,
        "it was removed or never written",
        {"AWS": "NoSuchKey NoSuchVersion NoSuchUpload", "client": "NotFound"},
    ),
    (
        About.OBJECT,
        "the key cannot be asked for here: rename the object, or put it into source.ignore",
        {
            "AWS": "KeyTooLongError InvalidURI",
            "Zenko": "KeyTooLong",
            "MinIO": ("XMinioInvalidObjectName XMinioObjectExistsAsDirectory XMinioInvalidUTF"),
            "MinIO before": "XMinioParentIsObject",
            "versitygw": "ExistingObjectIsDirectory DirectoryObjectContainsData ObjectParentIsFile ErrDirectoryNotEmpty",
            "Ceph": "InvalidObjectName",
        },
    ),
    (
        About.OBJECT,
        "the object changed or is damaged in the store: write it again",
        {
            "AWS": "PreconditionFailed NotModified InvalidRange InvalidPartNumber",
            "MinIO": "XMinioObjectTampered XMinioInvalidDecompressedSize ObjectSerializationConflict",
            "Wasabi": "Unrecoverable DataUnrecoverable",
            "Google": "CrcMismatch",
        },
    ),
    (
        About.OBJECT,
        _OWN_KEY,
        {
            "AWS": "InvalidEncryptionAlgorithmError",
            "MinIO": "XMinioEncryptionError",
            "Google": "ResourceIsEncryptedWithCustomerEncryptionKey",
        },
    ),
    (
        About.ARCHIVED,
        "restore it first, or put it into source.ignore",
        {"AWS": "InvalidObjectState RestoreAlreadyInProgress ObjectNotInActiveTierError"},
    ),
    # What was asked for
    (
        About.DENIED,
        CHECK_LOGIN,
        {
            "AWS": "AccessDenied AllAccessDisabled",
            "MinIO": "UnauthorizedAccess",
            "versitygw": "AccessForbidden XAdminAccessDenied",
        },
    ),
    (
        About.DENIED,
        _KMS,
        {
            "AWS KMS": (
                "KMS.AccessDeniedException KMS.DisabledException KMS.KMSInvalidStateException KMS.NotFoundException "
                "KMS.KeyUnavailableException KMS.InvalidKeyUsageException"
            ),
            "Google": (
                "CloudKmsBadKey CloudKmsDecryptionKeyNotFound CloudKmsDisabledKey CloudKmsEncryptionKeyNotFound "
                "CloudKmsKeyLocationNotAllowed"
            ),
        },
    ),
    (
        About.BUCKET,
        "create it or correct its name in the dataset file",
        {"AWS": "NoSuchBucket InvalidBucketName", "MinIO": "XMinioHealMissingBucket"},
    ),
    (
        About.BUCKET,
        "its owner pays nothing for readers (requester pays): copy it, or ask the owner for access",
        {"AWS": "InvalidPayer", "Google": "UserProjectMissing UserProjectInvalid UserProjectInconsistent"},
    ),
    (
        About.BUCKET,
        "the bucket's quota is used up: free some room or raise it",
        {"Ceph": "QuotaExceeded", "MinIO": "XMinioAdminBucketQuotaExceeded"},
    ),
    (
        About.BUCKET,
        "its state does not allow it: ask the store's owner",
        {"AWS": "InvalidBucketState", "versitygw": "VersioningNotConfigured"},
    ),
    # The login
    (
        About.LOGIN,
        CHECK_LOGIN,
        {
            "AWS": (
                "InvalidAccessKeyId SignatureDoesNotMatch InvalidSecurity CredentialsNotSupported MissingSecurityHeader "
                "MissingSecurityElement AuthorizationQueryParametersError"
            ),
            "AWS common": "InvalidClientTokenId MissingAuthenticationToken IncompleteSignature",
            "MinIO": "XMinioInvalidIAMCredentials XMinioAdminNoSuchAccessKey AuthorizationParametersError",
        },
    ),
    (
        About.LOGIN,
        NEW_TOKEN,
        {"AWS": "ExpiredToken InvalidToken TokenRefreshRequired", "MinIO": "InvalidTokenId"},
    ),
    (
        About.LOGIN,
        "the token that the cluster gives the pod has ended or is not accepted: check its issuer and audience there",
        {"AWS STS": "InvalidIdentityToken ExpiredTokenException IDPRejectedClaim"},
    ),
    (
        About.LOGIN,
        "that role is not there, or not for this region: correct role_arn",
        {
            "AWS STS": "RegionDisabledException",
            "Ceph": "NoSuchEntity",
            "MinIO": "InvalidParameterValue",
        },
    ),
    (
        About.LOGIN,
        "the account is closed, locked or not signed up: ask its owner",
        {
            "AWS": "AccountProblem NotSignedUp",
            "AWS common": "OptInRequired",
            "Ceph": "UserSuspended",
            "Wasabi": "AccountNotActivated AuthenticationLockout",
        },
    ),
    (
        About.REGION,
        "set region_name in the connection's extra",
        {
            "AWS": (
                "AuthorizationHeaderMalformed PermanentRedirect IllegalLocationConstraintException InvalidLocationConstraint "
                "EndpointNotFound"
            ),
            "MinIO": "InvalidRegion",
        },
    ),
    (
        About.CLOCK,
        "set both by NTP",
        {"AWS": "RequestTimeTooSkewed", "AWS common": "RequestExpired", "MinIO": "MalformedDate"},
    ),
    # The store
    (
        About.PACE,
        "it answers too many requests at once: use fewer workers, or ask the store's owner for its limit",
        {
            "AWS": "SlowDown ServiceUnavailable",
            "AWS KMS": "KMS.ThrottlingException",
            "AWS SDK": (
                "TooManyRequestsException RequestLimitExceeded Throttling ThrottlingException ThrottledException "
                "RequestThrottled RequestThrottledException BandwidthLimitExceeded"
            ),
            "MinIO": "SlowDownRead SlowDownWrite TooManyRequests ServerBusy",
            "Wasabi": "RequestRateLimitExceeded Unavailable",
        },
    ),
    (
        About.STORE,
        "it is starting: try again in a minute",
        {
            "MinIO": (
                "XMinioServerNotInitialized XMinioIAMNotInitialized XMinioBucketMetadataNotInitialized STSNotInitialized "
                "STSIAMNotInitialized"
            )
        },
    ),
    (
        About.STORE,
        "whoever gives keys could not reach the issuer of the cluster's tokens: try again in a minute",
        {"AWS STS": "IDPCommunicationError"},
    ),
    (About.STORE, "free some room in the store", {"MinIO": "XMinioStorageFull", "versitygw": "InsufficientStorage"}),
    (
        About.STORE,
        _SERVER_LOG,
        {
            "AWS": "InternalError RequestTimeout OperationAborted TemporaryRedirect Redirect",
            "AWS common": "InternalFailure",
            "Zenko": "ServiceFailure",
            "MinIO": "XMinioBackendDown XGCSInternalError ClientDisconnected",
            "Wasabi": "ConnectionClosed",
        },
    ),
    (
        About.STORE,
        "the store has no such operation: see what servers cannot do in docs/production.md",
        {"AWS": "NotImplemented MethodNotAllowed", "MinIO": "XMinioInvalidResource"},
    ),
    (
        About.STORE,
        "something between here and the store changed what was sent: reach it past that proxy",
        {
            "AWS": (
                "BadDigest XAmzContentSHA256Mismatch IncompleteBody MissingContentLength MissingRequestBodyError InvalidDigest "
                "UnexpectedContent InvalidRedirectLocation RequestHeaderSectionTooLarge"
            ),
            "MinIO": "XAmzContentChecksumMismatch EmptyRequestBody ExcessData",
            "versitygw": "InvalidChunkSizeError MalformedTrailerError",
            "Ceph": "WebsiteRedirect",
        },
    ),
    (
        About.STORE,
        "it answers over TLS only: write https:// in the connection",
        {"MinIO": "XMinioInsecureClientRequest InsecureConnection"},
    ),
    (
        About.REQUEST,
        _OUR_FAULT,
        {
            "AWS": (
                "InvalidArgument InvalidRequest MalformedXML EntityTooLarge EntityTooSmall MetadataTooLarge "
                "MaxMessageLengthExceeded InvalidPart InvalidPartOrder InvalidStorageClass InvalidAddressingHeader "
                "BucketNotEmpty BucketAlreadyExists BucketAlreadyOwnedByYou TooManyBuckets"
            ),
            "MinIO": (
                "BadRequest InvalidRequestParameter MissingFields MissingHeaders InvalidPrefixMarker UnsupportedRangeHeader"
            ),
        },
    ),
)

MEANINGS = {
    code: Meaning(about, way_out, source)
    for about, way_out, read_in in _GROUPS
    for source, codes in read_in.items()
    for code in codes.split()
}
"""The table: code to meaning."""


def meaning_of(code: str | None) -> Meaning | None:
    """Look a code up; those of a key service that are not in the table are about the key."""
    if code is not None and code.startswith("KMS.") and code not in MEANINGS:
        return Meaning(About.DENIED, _KMS, "AWS KMS")
    return MEANINGS.get(code or "")
