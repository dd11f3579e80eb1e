-- Model 2: payments that QuickBooks received, their postings in billing, cursors of the reads.
select 1;
