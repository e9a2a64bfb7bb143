"""One gate from library to verdict."""
