"""Decide what becomes of each document of one firm. A plan sends nothing and changes no mapping.

Belongs here: reading both sides for the decision, and storing it. Does not belong here: the rules (``core.planning``).
"""
