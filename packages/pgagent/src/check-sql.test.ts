import { expect, test } from 'vitest'
import { testDatabase } from '../../../test/support/database.ts'
import { checkSql } from './check-sql.ts'

const db = await testDatabase()
const database = db.open()
await db.rows('create table witness(n int)')

test.each([
  ['one statement', 'select 1'],
  ['several, with a comment at the end', "insert into witness values (1);\nupdate witness set n = 2; -- that's all"],
  ['what no transaction may hold', 'vacuum full witness'],
  ['a transaction of its own', 'begin; insert into witness values (1); commit;'],
  ['an end before it begins', 'commit; insert into witness values (1)'],
  ['a block', `do $$ begin insert into witness values (1); commit; end $$`],
  ['a table that is not there', 'select * from nowhere'],
  ['nothing but a comment', '-- later'],
  ['letters of more than one unit', `select '🐘' as "Größe"`],
])('%s can be read, and is not run', async (_, sql) => {
  expect(await checkSql(database, sql)).toBeNull()
  expect(await db.rows('select from witness')).toEqual([])
})

test.each([
  [
    'in the first line',
    'selec 1',
    1,
    'syntax error at or near "selec"',
    'ERROR:  syntax error at or near "selec"\nLINE 1: selec 1\n        ^',
  ],
  [
    'in a later statement, behind letters of more than one unit',
    `insert into witness values (1);\nselect '🐘🐘';\nselect 1 form witness x y`,
    3,
    'syntax error at or near "witness"',
    'ERROR:  syntax error at or near "witness"\nLINE 3: select 1 form witness x y\n                      ^',
  ],
  [
    'a quote that stays open',
    `select 1;\nselect 'open`,
    2,
    `unterminated quoted string at or near "'open"`,
    expect.stringMatching(/^LINE 2: select 'open$/m),
  ],
  ['an end that is missing', 'select (1;', 1, 'syntax error at or near ";"', expect.stringContaining('LINE 1: select (1;')],
  ['at the very end', 'select 1 from', 1, 'syntax error at end of input', expect.stringContaining('LINE 1: select 1 from')],
])('a mistake %s is told with its place', async (_, sql, line, message, text) => {
  expect(await checkSql(database, sql)).toEqual({ line, message, text })
  expect(await db.rows('select from witness')).toEqual([])
})

test('what is no answer about the text is an error', async () => {
  const nowhere = db.open({ connectionString: 'postgres://nobody@127.0.0.1:1/nowhere', connectTimeoutMs: 500 })
  await expect(checkSql(nowhere, 'select 1')).rejects.toMatchObject({ code: 'database_unavailable' })
})
