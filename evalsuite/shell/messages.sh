# Prints messages, and ends the script early in two ways. Passwords in URLs are hidden in all output.
# shellcheck shell=bash

say() { printf '%s\n' "$*" | hide_credentials; }

note() { printf 'run_interactive: %s\n' "$*" | hide_credentials >&2; }

# die MESSAGE: end because of a mistake in the variables or arguments, before anything was started. Like the message of
# `fail`, it says what is wrong, where, and what to do.
die() {
    note "$*"
    exit 2
}

# fail MESSAGE: end because something failed while running.
fail() {
    note "$*"
    exit 1
}

# http://user:password@host becomes http://***@host.
hide_credentials() { sed -E 's#(://)[^/@[:space:]]+@#\1***@#g'; }

# quoted COMMAND...: print the command so that it can be pasted into a shell.
quoted() {
    local words
    printf -v words '%q ' "$@"
    printf '%s\n' "${words% }"
}

# 4000 -> 4,000
thousands() { sed -E ':a; s/^([0-9]+)([0-9]{3})/\1,\2/; ta' <<<"$1"; }
