"""The commands that a person types: one module per group.

Belongs here: reading arguments, calling the packages below this one, printing. Modules import what they need when a
command runs, so that ``qb-pipeline --help`` stays under 0.6 s.
"""
