-- What a thread's workflow begins with, in one call: makes the thread's row, or takes its lock and the next epoch, and
-- reads what the row's last writer has stored by then. All null for a tombstone. `ledger`: the newest entries first.
create function weft.load_thread(
  of_tenant text, of_thread text, known_epoch bigint, now_ms bigint, since_ms bigint, most integer,
  out epoch bigint, out last_seq bigint, out snapshot json, out ledger json
) language plpgsql as $$
begin
  insert into weft.threads as t (tenant, id, epoch, created_at, updated_at)
  values (of_tenant, of_thread, known_epoch + 1, now_ms, now_ms)
  on conflict (tenant, id) do update set epoch = greatest(t.epoch, known_epoch) + 1 where t.deleted_at is null
  returning t.epoch, t.last_seq into epoch, last_seq;
  if not found then
    return;
  end if;
  -- Statements of their own, which see what was committed while the first one waited for the lock.
  select s.snapshot into snapshot from weft.snapshots s where s.tenant = of_tenant and s.thread_id = of_thread;
  select json_agg(n) into ledger from (
    select c.command_id, c.body_hash, c.at, c.reply from weft.commands c
    where c.tenant = of_tenant and c.thread_id = of_thread and c.at >= since_ms
    order by c.at desc, c.command_id desc limit most
  ) n;
end
$$;
