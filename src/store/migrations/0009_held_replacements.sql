-- Of a queue that is parked the sweep looks at the entries: a held replacement goes before it.
drop index weft.threads_sweep;
create index threads_sweep on weft.threads (updated_at, tenant, id) where status <> 'idle' or queued;
