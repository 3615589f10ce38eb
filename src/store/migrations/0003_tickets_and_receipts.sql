-- The open tickets over all threads: a call that waits for somebody has a row, whether its run waits yet or other
-- calls of the step still work. A call has one open ticket at most.
create table weft.tickets (
  tenant text not null,
  thread_id text not null,
  run_id text not null,
  tool_call_id text not null,
  tool_name text not null,
  ticket_id text not null,
  agent_id text,
  created_at bigint not null,
  ticket json not null,
  primary key (tenant, thread_id, run_id, tool_call_id)
);
create index tickets_oldest on weft.tickets (tenant, created_at, ticket_id);
create index tickets_of_thread on weft.tickets (tenant, thread_id, created_at, ticket_id);

-- Tickets that are open already: asked for in a run that has not ended, with nothing that closes them after.
insert into weft.tickets (tenant, thread_id, run_id, tool_call_id, tool_name, ticket_id, agent_id, created_at, ticket)
select distinct on (e.tenant, e.thread_id, e.run_id, e.payload #>> '{ticket,tool_call_id}')
  e.tenant, e.thread_id, e.run_id, e.payload #>> '{ticket,tool_call_id}', e.payload #>> '{ticket,tool_name}',
  e.payload #>> '{ticket,ticket_id}', r.record ->> 'agent_id', (e.payload #>> '{ticket,created_at}')::bigint, e.payload -> 'ticket'
from weft.runs r
join weft.events e on e.tenant = r.tenant and e.thread_id = r.thread_id and e.run_id = r.run_id and e.kind = 'ToolPermissionRequested'
where r.status in ('running', 'waiting') and not exists (
  select 1 from weft.events c
  where c.tenant = e.tenant and c.thread_id = e.thread_id and c.run_id = e.run_id and c.seq > e.seq
    and c.kind in ('ToolPermissionResolved', 'ToolPermissionExpired', 'ToolCallDone', 'ToolCallCancelled')
    and c.payload ->> 'tool_call_id' = e.payload #>> '{ticket,tool_call_id}')
order by e.tenant, e.thread_id, e.run_id, e.payload #>> '{ticket,tool_call_id}', e.seq desc;

-- What became of a message is told by the events that bear its id in their key.
create index events_of_pending on weft.events (tenant, thread_id, idempotency_key)
where kind in ('PendingDelivered', 'PendingRetracted', 'PendingUndelivered');

-- Of a run's input: the step whose model call was the first to read it.
alter table weft.messages add column read_by_step integer;

-- Whether a thread has a queue and whether that is parked. One that is not goes on by itself, as at the end of a hold,
-- so its workflow must be there although no run is open.
alter table weft.threads add column queued boolean not null default false;
alter table weft.threads add column parked boolean not null default false;
update weft.threads t set queued = true,
  parked = coalesce((select (s.snapshot ->> 'parked')::boolean from weft.snapshots s where s.tenant = t.tenant and s.thread_id = t.id), false)
where json_array_length(t.queue) > 0;
drop index weft.threads_sweep;
create index threads_sweep on weft.threads (updated_at, tenant, id) where status <> 'idle' or (queued and not parked);
