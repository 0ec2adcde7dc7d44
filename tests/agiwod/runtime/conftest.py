"""What the tests of the runtime share: a suite may ask for `any_journal`."""

from journal_fixtures import any_journal

__all__ = ["any_journal"]
