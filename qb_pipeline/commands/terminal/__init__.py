"""How commands print and end."""
