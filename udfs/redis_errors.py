"""What Redis says when it does not do what it was asked: what passes, and what does not."""

from __future__ import annotations

import re
import ssl

import redis

from udfs.errors import SwerveError

#: By the first word of an error reply: what passes by itself or by an operator's doing.
PASSING = {
    "LOADING": "Redis is loading its data",
    "OOM": "Redis is out of memory: raise maxmemory, free some, or choose a maxmemory-policy that evicts",
    "BUSY": "Redis is busy with a script",
    "READONLY": "Redis is a read-only replica: waiting until it is the master, or the address leads to the master",
    "MASTERDOWN": "Redis is a replica that has lost its master",
    "CLUSTERDOWN": "the Redis cluster is down",
    "TRYAGAIN": "the Redis cluster is moving keys",
    "NOREPLICAS": "Redis has too few replicas to take writes",
    "MISCONF": "Redis cannot write to its disk, and takes no writes until it can",
    "NOSCRIPT": "Redis has forgotten the script",
}
#: What does not pass: what to say, and what to do.
REFUSED = {
    "NOAUTH": ("Redis asks for a password", "set redis.password"),
    "WRONGPASS": ("Redis refuses the password or the user name", "check redis.url and redis.password"),
    "NOPERM": (
        "Redis does not let this user write here: {}",
        "`swerve redis-acl` prints the rights that a job needs under its redis.prefix",
    ),
    "WRONGTYPE": ("a key of ours holds something else in Redis: {}", "delete it, or set redis.prefix to keep apart what others write"),
    "MOVED": ("this Redis is one node of a cluster", "give the address of a proxy that knows the cluster, or of a single server"),
    "DB": ("Redis has no such database: {}", "check the number at the end of redis.url"),
    "CROSSSLOT": ("Redis keeps the keys of one user on several nodes: {}", "redis.prefix should hold no braces"),
}
#: The same, where a server says it in a sentence of its own.
_SENTENCES = {
    "max number of clients reached": "BUSY",
    "DB index": "DB",
    "can't run this command": "NOPERM",
    "permissions": "NOPERM",
    "invalid password": "WRONGPASS",
    "without any password configured": "WRONGPASS",
}
# Redis 6 wraps the error of a command in a script: "ERR Error running script (call to f_…): @user_script:9: @user_script: 9: -OOM …".
_IN_SCRIPT = re.compile(r"^ERR Error running script .*?@user_script: ?\d+: (?:@user_script: ?\d+: )?-?(.*)$", re.DOTALL)
_CODES: tuple[tuple[type[Exception], str], ...] = (
    (redis.AuthenticationError, "WRONGPASS"),
    (redis.exceptions.NoPermissionError, "NOPERM"),
    (redis.BusyLoadingError, "LOADING"),
    (redis.exceptions.OutOfMemoryError, "OOM"),
    (redis.exceptions.ReadOnlyError, "READONLY"),
)


class RedisRefused(SwerveError):
    """Redis will not do it however often it is asked: password, rights, the type of a key."""


class ErrorReply(Exception):
    """Redis answered with an error; its text is the argument."""


def no_redis() -> RedisRefused:
    """Make the error for answers that no Redis gives."""
    return RedisRefused("what answers at redis.url is no Redis", "check redis.url")


def code_of(reply: str) -> str:
    """Tell the kind of an error reply, without the dash that it begins with.

    Examples
    --------
    >>> code_of("ERR Error running script (call to f_1): @user_script:9: @user_script: 9: -OOM command not allowed")
    'OOM'
    """
    within = _IN_SCRIPT.match(reply)
    text = within.group(1) if within else reply
    word = text.split(" ", 1)[0].removesuffix(":")
    if word in PASSING or word in REFUSED:
        return word
    return next((code for sentence, code in _SENTENCES.items() if sentence in text), word)


def why_to_wait(error: Exception, secrets: tuple[str, ...] = ()) -> tuple[str, str]:
    """Judge an error.

    Parameters
    ----------
    error
        What redis-py or the socket raised, or an `ErrorReply`.
    secrets
        Texts that must not be shown.

    Returns
    -------
    tuple of str and str
        The code, or "" where the server does not answer; and what passes, in one line.

    Raises
    ------
    RedisRefused
        If it does not pass.
    """
    if isinstance(error, redis.InvalidResponse):
        raise no_redis() from None
    _refuse_tls(error)
    text = " ".join(str(error).split())
    for secret in secrets:
        text = text.replace(secret, "********")
    code = next((code for kind, code in _CODES if isinstance(error, kind)), None)
    if code is None and isinstance(error, (ErrorReply, redis.ResponseError)):
        code = code_of(text)
    if code is None:
        return "", f"Redis does not answer: {text or type(error).__name__}"
    if code == "WRONGPASS" and text.startswith("Authentication required"):
        code = "NOAUTH"
    if code in PASSING:
        return code, PASSING[code]
    message, hint = REFUSED.get(code, ("Redis refuses to write: {}", "is it a Redis 6.2, a Valkey 7.2, or newer?"))
    raise RedisRefused(message.format(text[:300]), hint) from None


def _refuse_tls(error: Exception) -> None:
    """Refuse where TLS fails for what does not pass; redis-py hides it behind an error of its own, as that of a lost connection."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return
    reason = cause.reason or ""
    if isinstance(cause, ssl.SSLCertVerificationError):
        raise RedisRefused(
            f"Redis shows a certificate that is not trusted: {cause.verify_message}",
            "does ssl_ca_certs in redis.url name its authority, and the address its host?",
        ) from None
    if reason == "WRONG_VERSION_NUMBER":
        raise RedisRefused(
            "what answers at redis.url does not speak TLS", "is it the TLS port? Without TLS the address begins with redis://"
        ) from None
    if "_ALERT_" in reason:
        raise RedisRefused(
            f"Redis refuses our side of TLS: {reason.split('_ALERT_', 1)[1].lower().replace('_', ' ')}",
            "does it want a client's certificate (ssl_certfile and ssl_keyfile in redis.url)?",
        ) from None
