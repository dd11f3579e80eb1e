"""Processes that commands start and watch: Dagster's own, and runs of the job."""
