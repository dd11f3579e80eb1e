-- Documents: what later rules keep of them.
select 1;
