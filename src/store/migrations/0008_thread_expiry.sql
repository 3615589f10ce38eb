-- How long after its last change a thread is deleted, in seconds: null as the installation says, 0 never.
alter table weft.threads add column expires_after_s integer check (expires_after_s >= 0);
create index threads_expiring on weft.threads (tenant, (updated_at + expires_after_s * 1000::bigint), id)
  where expires_after_s > 0 and deleted_at is null and status = 'idle' and not queued;
create index threads_resting on weft.threads (tenant, updated_at, id)
  where expires_after_s is null and deleted_at is null and status = 'idle' and not queued;
