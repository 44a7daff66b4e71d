"""Exit statuses, the same for every command; `docs/reference/command-line.md` lists them."""

OK = 0
FAILED = 1
"""It did not work, or what was checked is invalid."""
USAGE = 2
"""The command was called wrongly (click's own)."""
ATTENTION = 3
"""It worked, and found what a person should look at."""
AWAY = 4
"""paramedic, or the role that was asked, is not running."""
RIGHTS = 5
"""Whoever called may not do this."""
INTERRUPTED = 130
"""Ctrl-C, as shells count it (128 + SIGINT)."""

WORDS = {
    OK: "good",
    FAILED: "it did not work, or what was checked is invalid",
    USAGE: "the command was called wrongly",
    ATTENTION: "it worked, and found what a person should look at",
    AWAY: "paramedic, or the role that was asked, is not running",
    RIGHTS: "whoever called may not do this",
    INTERRUPTED: "interrupted",
}
