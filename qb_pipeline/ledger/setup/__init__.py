"""Set-up that must exist before the first sync: tables, firms, tokens, and the bindings of firms."""
