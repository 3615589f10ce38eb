-- A fork has the first messages of other threads by reference: numbers from_seq to to_seq are the source's rows. What
-- no row covers is its own. A fork of a fork names the threads that have the rows, so a read never follows a chain.
create table weft.lineage (
  tenant text not null,
  thread_id text not null,
  source_thread_id text not null,
  from_seq bigint not null,
  to_seq bigint not null,
  primary key (tenant, thread_id, from_seq)
);
create index lineage_by_source on weft.lineage (tenant, source_thread_id);

alter table weft.threads add column forked_from_thread_id text;
alter table weft.threads add column forked_at_seq bigint;

-- What the shared state at some point of a log is folded from; few events of a log are of these kinds.
create index events_of_state on weft.events (tenant, thread_id, seq) where kind in ('ThreadForked', 'ThreadUpdated');
