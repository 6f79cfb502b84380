"""Backup and restore of a whole installation: database, files, and on request the secret key, in one archive."""

from turnus.entry.backups.archive import Archive, BackupError, Manifest, opened
from turnus.entry.backups.make import backup
from turnus.entry.backups.restore import fitting_key, keep_key, restore

__all__ = ["Archive", "BackupError", "Manifest", "backup", "fitting_key", "keep_key", "opened", "restore"]
