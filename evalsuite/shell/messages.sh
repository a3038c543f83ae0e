# What is said, and the two ways to end early. Nothing shown holds the password of a URL.
# shellcheck shell=bash

say() { printf '%s\n' "$*" | hide_credentials; }

note() { printf 'run_interactive: %s\n' "$*" | hide_credentials >&2; }

# A mistake in the variables or arguments: what, where, what to do. Nothing was started.
die() {
    note "$*"
    exit 2
}

# Something failed on the way: what, and what to do.
fail() {
    note "$*"
    exit 1
}

# http://user:password@host becomes http://***@host.
hide_credentials() { sed -E 's#(://)[^/@[:space:]]+@#\1***@#g'; }

# A command as it could be typed.
quoted() {
    local words
    printf -v words '%q ' "$@"
    printf '%s\n' "${words% }"
}

# 4000 -> 4,000
thousands() { sed -E ':a; s/^([0-9]+)([0-9]{3})/\1,\2/; ta' <<<"$1"; }
