-- A task that is lost may have stored that it refused a command, and the try that is done instead accept it: what was
-- applied counts. One statement may touch a row once.
create or replace function weft.write_ledger(of_tenant text, of_thread text, ledger json) returns void language plpgsql as $$
begin
  insert into weft.commands as known (tenant, thread_id, command_id, body_hash, at, reply)
  select distinct on (c.command_id) of_tenant, of_thread, c.*
  from json_to_recordset(ledger) as c (command_id text, body_hash text, at bigint, reply json)
  order by c.command_id, c.reply ->> 'ok' desc
  on conflict (tenant, thread_id, command_id) do update
    set body_hash = excluded.body_hash, at = excluded.at, reply = excluded.reply
    where known.reply ->> 'ok' = 'false' and excluded.reply ->> 'ok' = 'true';
end
$$;
