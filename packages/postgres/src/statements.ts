/** The texts for one table name. */
export interface Statements {
  readonly migrate: string
  readonly claim: string
  /** Delete dead rows: `$1` now in seconds, `$2` how many at most; `gone` says how many it were. */
  readonly forget: readonly string[]
}

const milliseconds = `(extract(epoch from clock_timestamp()) * 1000)::bigint`

/**
 * Unlogged: what crash, failover and restore take from these tables they take from all three, the
 * epoch too, so that it is noticed; and nobody waits for a disk. A function, because PostgreSQL plans
 * its statements once for each connection and not for each claim.
 *
 * @param table a name, with or without schema, that needs no quotes
 */
export function writeStatements(table: string): Statements {
  const owners = `${table}_owner`
  const epochs = `${table}_epoch`
  return {
    migrate: `do $migrate$ begin
perform pg_advisory_xact_lock(hashtext('${table}'));
create unlogged table if not exists ${table} (id bytea primary key, forget_at bigint not null);
create index if not exists ${indexName(table)} on ${table} (forget_at);
create unlogged table if not exists ${owners} (
  owner bytea, span bigint, entries bigint not null, primary key (owner, span));
create index if not exists ${indexName(owners)} on ${owners} (span);
create unlogged table if not exists ${epochs} (
  only_row boolean primary key check (only_row), history text not null, began bigint not null, ahead bigint not null);
${writeClaim(table, owners, epochs)};
insert into ${epochs} values (true, ${historyOf(table)}, ${milliseconds}, 0) on conflict do nothing;
end $migrate$`,
    claim: `select status, amount, $9::float8 as number from ${table}_claim(decode($1, 'hex'), decode($2, 'hex'), $3, $4, $5, $6, $7, $8)`,
    forget: [writeForget(table, 'forget_at', '1'), writeForget(owners, 'span', '32')],
  }
}

/** Whoever starts anew, is promoted or restored, or was emptied (a new file), has another history. */
function historyOf(table: string): string {
  return `concat_ws(' ', pg_postmaster_start_time(), '${table}'::regclass::oid, pg_relation_filenode('${table}'))`
}

/**
 * One claim: see `Answer` in core for what it says and in which order. Live entries of one owner are
 * counted by the time of their expiry, in spans of 32 seconds. The count is read before it is raised, so
 * that claims at the same instant may exceed the limit by as many as there are connections.
 */
function writeClaim(table: string, owners: string, epochs: string): string {
  return `create or replace function ${table}_claim(
  the_id bytea, the_owner bytea, latest bigint, may_be_ahead bigint, may_be_behind bigint,
  issued_at bigint, forget_when bigint, most bigint, out status text, out amount float8)
language plpgsql as $claim$
declare
  present bigint := ${milliseconds};
  past text := ${historyOf(table)};
  since bigint;
begin
  amount := present - latest;
  status := 'clock';
  if amount > may_be_ahead then
    update ${epochs} set ahead = greatest(ahead, present);
    return;
  end if;
  if amount < -may_be_behind then return; end if;

  select began into since from ${epochs} where history = past and began <= present and ahead <= present;
  if not found then
    since := present;
    insert into ${epochs} values (true, past, present, 0)
      on conflict (only_row) do update set history = past, began = present, ahead = 0;
  end if;

  amount := 0;
  status := 'replay';
  perform from ${table} where id = the_id;
  if found then return; end if;

  amount := ceil((latest - (present - since)) / 1000.0);
  status := 'too-old';
  if issued_at < amount then return; end if;

  amount := 0;
  status := 'owner-full';
  if (select coalesce(sum(entries), 0) from ${owners}
      where owner = the_owner and span >= present / 32000) >= most then return; end if;

  status := 'replay';
  insert into ${table} values (the_id, forget_when) on conflict do nothing;
  if not found then return; end if;
  insert into ${owners} as counts values (the_owner, forget_when / 32, 1)
    on conflict (owner, span) do update set entries = counts.entries + 1;
  amount := latest - (present - since);
  status := 'first';
end $claim$`
}

/** Never before both clocks say so: one that is ahead must not take what is alive. */
function writeForget(table: string, time: string, width: string): string {
  const oldest = `least($1::bigint, ${milliseconds} / 1000) / ${width}`
  return `with dead as (
  delete from ${table} where ctid = any(array(
    select ctid from ${table} where ${time} < ${oldest} limit $2::bigint for update skip locked))
  returning 1
)
select count(*)::float8 as gone from dead`
}

function indexName(table: string): string {
  return `${table.slice(table.indexOf('.') + 1)}_forget`
}
