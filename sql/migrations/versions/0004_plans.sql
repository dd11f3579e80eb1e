-- Plans that a person applies, and a person's answers to held documents.
select 1;
