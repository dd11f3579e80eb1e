"""The HTTP side of the emulator: Intuit's API, its sign-in pages, and the emulator's own API."""
