import pg from 'pg'

/**
 * No queue at all: the least that the server must do to hand out and close jobs, in batches of 500 inside one procedure, with a commit
 * for each batch. Nobody runs a handler, nothing is fenced, nothing is counted. It shows how far above the floor a real queue is.
 */
export const plainSql = {
  peer: 'plain-sql',
  name: 'plain SQL in the server (no handlers)',
  settings: 'floor',
  tables: 'plain',
  async create({ connectionString }) {
    const client = new pg.Client({ connectionString })
    client.on('error', () => {})
    await client.connect()
    await client.query(`create schema if not exists plain;
      create table if not exists plain.waiting (id bigint generated always as identity primary key, payload jsonb not null);
      create table if not exists plain.done (id bigint not null, payload jsonb not null, finished_at timestamptz not null);
      create or replace procedure plain.drain() language plpgsql as $$
      begin
        loop
          with taken as (delete from plain.waiting where id = any(array(
            select id from plain.waiting order by id limit 500 for update skip locked)) returning *)
          insert into plain.done select id, payload, clock_timestamp() from taken;
          exit when not found;
          commit;
        end loop;
      end $$`)
    return {
      bulk: (n) =>
        client.query(`insert into plain.waiting(payload) select jsonb_build_object('i', i) from generate_series(1, $1::int) i`, [n]),
      async work() {
        await client.query('call plain.drain()')
        return async () => {}
      },
      empty: async () => true,
      close: () => client.end(),
    }
  },
}
