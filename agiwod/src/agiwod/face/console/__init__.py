"""The console: the control plane as a web page. Its page uses the native protocol, as every client does."""
