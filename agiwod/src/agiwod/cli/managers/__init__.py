"""Who keeps a user's services running: systemd on Linux, launchd on macOS. Each says what it has to be told."""
