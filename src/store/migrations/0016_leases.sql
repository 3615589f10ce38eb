-- What one process does for all: who does it, and for how long nobody else will.
create table weft.leases (
  name text primary key,
  holder text not null,
  expires_at timestamptz not null
);
