"""Stories of commands over an embedded installation."""

from embedded_installation import demo_content, fresh_installation, installation, new_database

__all__ = ["demo_content", "fresh_installation", "installation", "new_database"]
