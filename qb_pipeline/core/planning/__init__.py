"""Decisions about documents, from billing's data and what QuickBooks holds.

Belongs here: decisions over several documents, and the facts that a plan rests on. Does not belong here: the content
of one document (``core.documents``).
"""
