-- Keys for the API. A key's secret stands nowhere: `hash` is the SHA-256 of the whole key, in hex. Rows are never
-- deleted, only revoked: that there was ever a key is what switches authentication on.
create table weft.api_keys (
  key_id text primary key,
  tenant text not null,
  role text not null check (role in ('reader', 'user', 'approver', 'operator')),
  name text not null,
  hash text not null,
  created_at bigint not null,
  created_by text not null,
  expires_at bigint,
  revoked_at bigint,
  revoked_by text,
  last_used_at bigint
);
create index api_keys_newest on weft.api_keys (tenant, created_at, key_id);

-- What all processes of one installation must agree on and nobody needs to configure.
create table weft.secrets (
  name text primary key,
  value text not null,
  created_at bigint not null
);

-- Of a deleted thread: when the engine was told to forget it too. Null until then.
alter table weft.threads add column forgotten_at bigint;
create index threads_to_forget on weft.threads (deleted_at, tenant, id) where deleted_at is not null and forgotten_at is null;
