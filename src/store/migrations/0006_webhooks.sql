-- Who is told of which kinds of events.
create table weft.webhooks (
  tenant text not null,
  id text primary key,
  url text not null,
  kinds text[] not null,
  description text,
  -- As it is: whoever signs needs it.
  secret text not null,
  created_at bigint not null,
  updated_at bigint not null,
  -- Null while it is in use.
  disabled_at bigint,
  disabled_reason text,
  last_delivered_at bigint,
  last_failed_at bigint,
  last_status integer,
  last_error text
);
create index webhooks_of_tenant on weft.webhooks (tenant, created_at desc, id desc);

-- One row for each event and webhook that is to be told of it, written in the transaction that writes the event.
create table weft.webhook_deliveries (
  -- No foreign key: the write of an event must neither wait for a webhook's removal nor fail over it.
  webhook_id text not null,
  tenant text not null,
  -- The same at every try: the thread, the event's idempotency key, and its time, since after a restored backup another
  -- event may have its number.
  delivery_id text not null,
  thread_id text not null,
  run_id text,
  seq bigint not null,
  kind text not null,
  status text not null default 'pending' check (status in ('pending', 'delivered', 'failed')),
  attempts integer not null default 0,
  next_at bigint not null,
  last_status integer,
  last_error text,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (webhook_id, tenant, delivery_id)
);
create index webhook_deliveries_due on weft.webhook_deliveries (webhook_id, next_at) where status = 'pending';
create index webhook_deliveries_newest on weft.webhook_deliveries (tenant, created_at desc, delivery_id desc);
create index webhook_deliveries_done on weft.webhook_deliveries (status, updated_at) where status <> 'pending';
create index webhook_deliveries_of_thread on weft.webhook_deliveries (tenant, thread_id);

create function weft.note_webhooks() returns trigger language plpgsql as $$
declare
  now_ms bigint := (extract(epoch from clock_timestamp()) * 1000)::bigint;
begin
  -- An event that is written again long after it happened, by a repair say, is no news.
  if new.occurred_at < now_ms - 604800000 then return null; end if;
  insert into weft.webhook_deliveries
    (webhook_id, tenant, delivery_id, thread_id, run_id, seq, kind, next_at, created_at, updated_at)
  select w.id, new.tenant, new.thread_id || '/' || new.idempotency_key || '/' || new.occurred_at, new.thread_id, new.run_id, new.seq, new.kind,
    now_ms, now_ms, now_ms
  from weft.webhooks w where w.tenant = new.tenant and w.disabled_at is null and new.kind = any (w.kinds)
    -- What was before it is not its affair, when a repair writes it again; clocks may differ by a little.
    and w.created_at <= new.occurred_at + 60000
  on conflict do nothing;
  return null;
end $$;

create trigger note_webhooks after insert on weft.events for each row
  when (new.kind in ('RunFinished', 'RunErrored', 'RunWaiting', 'QueueParked'))
  execute function weft.note_webhooks();
