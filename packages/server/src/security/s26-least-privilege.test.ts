import { expect, test } from 'vitest'
import { testDatabase } from '../../../../test/support/database.ts'

const db = await testDatabase()

test('everybody has nothing, and producers may do what they are for and no more', async () => {
  const rights = await db.rows(
    `select c.relname, r.role, p.privilege from pg_class c cross join (values ('trunkline_producer'), ('public')) r(role)
      cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate']) p(privilege)
      where c.relnamespace = 'trunkline'::regnamespace and c.relkind in ('r', 'p', 'v')
        and has_table_privilege(r.role, c.oid, p.privilege) order by 1, 2, 3`,
  )
  expect(rights).toEqual([])
  const functions = await db.rows(
    `select p.proname from pg_proc p where p.pronamespace = 'trunkline'::regnamespace and p.prosecdef
      and has_function_privilege('trunkline_producer', p.oid, 'execute') order by 1`,
  )
  expect([...new Set(functions.map((f) => f.proname))]).toEqual(['assert_lease', 'enqueue', 'enqueue_0001', 'enqueue_0100'])
})

test('functions that act for others look up names nowhere but in the catalogue', async () => {
  const open = await db.rows(
    `select proname, proconfig from pg_proc where pronamespace = 'trunkline'::regnamespace and prosecdef
      and not coalesce(array_to_string(proconfig, ',') like '%search_path=pg_catalog, pg_temp%', false)`,
  )
  expect(open).toEqual([])
})

test('a table of the same name in the caller’s temporary schema changes nothing', async () => {
  const client = await db.client()
  await client.query(`insert into trunkline.task(name) values ('t')`)
  await client.query(`create temp table job (like trunkline.job)`)
  await client.query(`create temp table task (like trunkline.task)`)
  await client.query('set search_path = pg_temp, trunkline')
  const { rows } = await client.query(`select trunkline.enqueue('t', '{}'::jsonb)::text id`)
  expect((await db.rows('select count(*)::int n from trunkline.job where id = $1', [rows[0].id]))[0].n).toBe(1)
})
