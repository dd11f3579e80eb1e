-- What QuickBooks holds of ours, as it was seen over time, and what the reconciliation found.
select 1;
