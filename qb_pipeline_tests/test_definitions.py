"""What Dagster loads."""

import dagster as dg

from qb_pipeline.definitions import defs


def test_everything_that_dagster_shows_is_there() -> None:
    found = defs()

    assert {key.to_user_string() for key in found.resolve_asset_graph().get_all_asset_keys()} == {
        "billing/invoices", "billing/payments", "mappings", "work_list", "sync_plan", "quickbooks_releases",
        "quickbooks_customers_and_items", "quickbooks_invoices", "quickbooks_payments", "received_payments",
        "reconciliation",
    }  # fmt: skip
    assert sorted(job.name for job in found.resolve_all_job_defs() if not job.name.startswith("__")) == [
        "pull_payments",
        "reconcile",
        "sync",
    ]
    assert [schedule.name for schedule in found.schedules or ()] == ["daily_sync", "daily_reconcile"]


def test_definitions_can_be_loaded_whole() -> None:
    """Every asset finds its resources, every job its assets."""
    dg.Definitions.validate_loadable(defs())


def test_steps_run_in_the_runs_own_process() -> None:
    """Those of each job, and of what a person launches in the asset graph, which Dagster runs as ``__ASSET_JOB``."""
    found = {job.name: job.executor_def for job in defs().resolve_all_job_defs()}

    assert found == dict.fromkeys(["__ASSET_JOB", "pull_payments", "reconcile", "sync"], dg.in_process_executor)


def test_each_job_carries_its_executor_wherever_it_is_put() -> None:
    assert {job.name: job.executor_def for job in defs().jobs or ()} == dict.fromkeys(
        ["sync", "pull_payments", "reconcile"], dg.in_process_executor
    )


def test_the_run_config_has_no_place_for_a_secret() -> None:
    """What is given at launch stands in clear in the run's record."""
    schema = defs().resolve_job_def("sync").run_config_schema.config_type
    assert schema is not None

    resources = schema.fields["resources"].config_type
    assert sorted(resources.fields["chosen"].config_type.fields["config"].config_type.fields) == [
        "invoice_ids",
        "payment_ids",
        "plan_id",
    ]
    assert "config" not in resources.fields["deployment"].config_type.fields or not getattr(
        resources.fields["deployment"].config_type.fields["config"].config_type, "fields", {}
    )
