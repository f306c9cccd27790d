import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFileSync, chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileSystemStorage } from '@trunkline/engine'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { onServer, testDatabase, until, urlOf } from '../../../test/support/database.ts'
import { runTask } from '../../../test/support/run-task.ts'
import { type Backup, listBackups, verifyBackup } from './backup-files.ts'
import { toPrune } from './backup-prune.ts'
import { readArchiveList } from './compare-backup.ts'
import { findDumpTools } from './dump-tools.ts'
import { builtInTasks, compareBackup, type TaskEnvironment } from './index.ts'

const db = await testDatabase()
const folder = mkdtempSync(join(tmpdir(), 'trunkline-backup-'))
const storage = fileSystemStorage(folder)
const serverMajor = Number.parseInt((await db.rows('show server_version'))[0].server_version, 10)
const matching = findDumpTools().find((tool) => tool.major >= serverMajor)
const made: string[] = []

function task(name: string, environment: Partial<TaskEnvironment> = {}) {
  const found = builtInTasks({ connectionString: db.url, storage, ...environment }).find((t) => t.name === name)
  if (!found) throw new Error(name)
  return found
}
const builtIn = { pgDump: '/nowhere/pg_dump' }
const copyName = () => {
  const name = `copy_${randomBytes(4).toString('hex')}`
  made.push(name)
  return name
}

beforeAll(async () => {
  await db.rows(`create table plain(id int generated always as identity primary key, t text, j jsonb, b bytea, a int[], at timestamptz)`)
  await db.rows(
    `insert into plain(t, j, b, a, at) select 'zeile ü ' || i || E'\\n\\t''"\\\\', jsonb_build_object('i', i), sha256(i::text::bytea), array[i, null], now() from generate_series(1, 5000) i`,
  )
  await db.rows(`create table parts(id int, at date) partition by range (at)`)
  await db.rows(`create table parts_1 partition of parts for values from ('2026-01-01') to ('2027-01-01')`)
  await db.rows(`insert into parts select i, date '2026-01-01' + i from generate_series(1, 300) i`)
  await db.rows(`create function twice(i int) returns int language sql as 'select i * 2'`)
  await db.rows(`create view seen as select count(*) n from plain`)
})

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  for (const name of made) await onServer(`drop database if exists ${name} with (force)`)
})

/** Row counts and checksums of everything that was made. */
async function fingerprint(url: string): Promise<unknown> {
  const { default: pg } = await import('pg')
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } =
    await client.query(`select (select count(*)::int from plain) n, (select md5(string_agg(p::text, '|' order by id)) from plain p) plain,
    (select md5(string_agg(p::text, '|' order by id)) from parts p) parts, (select twice(21)) twice, (select n::int from seen) seen,
    (select count(*)::int from pg_tables where schemaname = 'trunkline') queue_tables`)
  await client.end()
  return rows[0]
}

async function roundTrip(environment: Partial<TaskEnvironment>, format: string): Promise<void> {
  const create = runTask(task('backup_create', environment), { label: 'nightly' })
  const result = await create.result
  expect(result).toMatchObject({
    filename: expect.stringMatching(/^test_[a-z0-9]+-\d{8}T\d{6}Z-[0-9a-f]{6}\.(dump|sql\.gz)$/),
    format,
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  })
  expect(create.stages).toEqual(['configuration loaded', 'validated', 'directory ready', 'dump started', 'file created', 'done'])
  expect([10, 20, 30, 40, 80, 100].every((p) => create.percents.includes(p))).toBe(true)
  expect(result.size).toBe(readFileSync(join(folder, result.filename)).length)
  expect(await verifyBackup(storage, result.filename)).toMatchObject({ sha256: result.sha256, compared: true })
  expect((await listBackups(storage)).find((b) => b.filename === result.filename)).toMatchObject({
    database: db.name,
    label: 'nightly',
    format,
  })
  const copy = copyName()
  expect(await runTask(task('backup_restore'), { filename: result.filename, database: copy }).result).toMatchObject({ database: copy })
  expect(await fingerprint(urlOf(copy))).toEqual(await fingerprint(db.url))
  await expect(runTask(task('backup_restore'), { filename: result.filename, database: copy }).result).rejects.toThrow(/exists/)
  await compares(result.filename, copy)
  await onServer(`comment on database ${copy} is 'old'`)
  await runTask(task('backup_restore'), { filename: result.filename, database: copy, replace: true }).result
  expect(await onServer(`select datname from pg_database where datname like '%replaced%' or datname like 'restore\\_%'`)).toEqual([])
}

/** What a backup and the database that it was restored into have, and what is only there. */
async function compares(filename: string, copy: string): Promise<void> {
  const environment = { connectionString: db.url, storage }
  const { default: pg } = await import('pg')
  const client = new pg.Client({ connectionString: urlOf(copy) })
  await client.connect()
  await client.query(`create table "since; then" (id int)`)
  await client.query(`analyze plain`)
  await client.end()
  const { backup, target, tables, server } = await compareBackup(environment, filename, copy)
  expect({ ...backup, tables: 0 }).toEqual({ filename, database: db.name, server: backup.server, tables: 0 })
  expect([Number.parseInt(backup.server as string, 10), Number.parseInt(server, 10)]).toEqual([serverMajor, serverMajor])
  expect(target).toEqual({ database: copy, tables: backup.tables + 1 })
  expect(tables.filter(({ inTarget }) => !inTarget)).toEqual([])
  expect(tables.filter(({ inBackup }) => !inBackup)).toEqual([
    { schema: 'public', name: 'since; then', inBackup: false, inTarget: true, targetRows: null },
  ])
  expect(tables.filter(({ name }) => /^(plain|parts)/.test(name)).map(({ name, targetRows }) => [name, targetRows])).toEqual([
    ['parts', null],
    ['parts_1', null],
    ['plain', 5000],
  ])
  const none = await compareBackup(environment, filename, 'not_there_yet')
  expect(none).toMatchObject({ target: null, backup })
  expect(none.tables.every(({ inBackup, inTarget }) => inBackup && !inTarget)).toBe(true)
}

test('the list of an archive: tables of all kinds, neither their rows nor what belongs to them', () => {
  const text = `;
; Archive created at 2026-11-27 20:00:00 UTC
;     Dumped from database version: 18.4 (Debian 18.4-1)
;     Dumped by pg_dump version: 18.4
;
217; 1259 16390 TABLE public order list shop
218; 1259 16391 FOREIGN TABLE other far shop
219; 1259 16392 SEQUENCE public order_id_seq shop
220; 0 0 TABLE ATTACH public parts_1 shop
3400; 0 16390 TABLE DATA public order list shop
3200; 2606 16400 CONSTRAINT public order list order_pkey shop
`
  expect(readArchiveList(text)).toEqual({
    server: '18.4',
    tables: [
      { schema: 'public', name: 'order list' },
      { schema: 'other', name: 'far' },
    ],
  })
})

describe('a backup made, verified and restored has equal rows and checksums', () => {
  test('by the built-in dump', () => roundTrip(builtIn, 'sql.gz'))
  test.runIf(matching)('by a matching pg_dump', () => roundTrip({}, 'custom'))
})

describe('what can go wrong', () => {
  const files = () => readdirSync(folder).sort()

  test('an abort in the middle leaves nothing', async () => {
    const before = files()
    const run = runTask(task('backup_create', builtIn), {})
    await until(() => run.stages.includes('dump started'))
    run.abort(new Error('stop now'))
    await expect(run.result).rejects.toThrow('stop now')
    expect(files()).toEqual(before)
  })

  test('a tool that fails, that writes nothing, that writes half: no file under its final name', async () => {
    const before = files()
    for (const body of ['exit 3', 'exit 0', 'echo half > "${2#--file=}"; echo "no room" >&2; exit 1']) {
      const tool = join(folder, '..', `pg_dump-${randomBytes(4).toString('hex')}`)
      writeFileSync(
        tool,
        `#!/bin/sh\n[ "$1" = --version ] && { echo "pg_dump (PostgreSQL) 99.1"; exit; }\nfor a in "$@"; do case "$a" in --file=*) set -- x "$a";; esac; done\n${body}\n`,
      )
      chmodSync(tool, 0o755)
      await expect(runTask(task('backup_create', { pgDump: tool }), {}).result).rejects.toThrow()
      rmSync(tool)
    }
    expect(files()).toEqual(before)
  })

  test('a database that is not there, a wrong password, a server that wants TLS: each says so, and no password shows', async () => {
    await expect(runTask(task('backup_create', builtIn), { database: 'nowhere' }).result).rejects.toThrow(/no database "nowhere"/)
    const secure = new URL(db.url)
    secure.searchParams.set('sslmode', 'require')
    await expect(runTask(task('backup_create', { ...builtIn, connectionString: secure.href }), {}).result).rejects.toMatchObject({
      name: 'TrunklineError',
    })
    await expect(runTask(task('backup_create'), { databse: 'x' }).result).rejects.toThrow(/databse/)
  })

  test('a damaged file, one that was cut, one that is not a backup: found by verify and refused by restore', async () => {
    const { filename } = await runTask(task('backup_create', builtIn), {}).result
    appendFileSync(join(folder, filename), 'x')
    await expect(verifyBackup(storage, filename)).rejects.toMatchObject({ code: 'backup_damaged' })
    rmSync(join(folder, `${filename}.json`))
    writeFileSync(join(folder, filename), readFileSync(join(folder, filename)).subarray(0, 2000))
    await expect(verifyBackup(storage, filename)).rejects.toMatchObject({ code: 'backup_damaged' })
    const copy = copyName()
    await expect(runTask(task('backup_restore'), { filename, database: copy }).result).rejects.toMatchObject({ code: 'backup_damaged' })
    expect(await onServer(`select from pg_database where datname = '${copy}'`)).toEqual([])
    await expect(verifyBackup(storage, 'nothing.dump')).rejects.toMatchObject({ code: 'file_not_found' })
    await expect(verifyBackup(storage, '../../etc/passwd')).rejects.toMatchObject({ code: 'invalid_file_name' })
  })

  test.runIf(process.platform === 'linux')('the password stands in no command line, log, error or result', async () => {
    const canary = `canary-${randomBytes(8).toString('hex')}`
    const role = `role_${randomBytes(4).toString('hex')}`
    await onServer(`create role ${role} superuser login password '${canary}'`)
    const url = new URL(db.url)
    url.username = role
    url.password = canary
    const run = runTask(task('backup_create', { ...(matching ? {} : builtIn), connectionString: url.href }), {})
    let ended = false
    run.result
      .finally(() => {
        ended = true
      })
      .catch(() => {})
    while (!ended) {
      const lines = execFileSync('/bin/sh', ['-c', 'cat /proc/[0-9]*/cmdline 2>/dev/null || true'])
      expect(lines.includes(canary)).toBe(false)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(JSON.stringify([await run.result, run.lines, run.stages])).not.toContain(canary)
    const failed = await runTask(
      task('backup_create', { ...builtIn, connectionString: url.href.replace(canary, `${canary}x`) }),
      {},
    ).result.catch((e) => e)
    if (!inject('server').includes('5418')) expect(failed).toBeInstanceOf(Error)
    expect(`${failed.stack}${JSON.stringify(failed)}`).not.toContain(canary)
    await onServer(`drop role ${role}`)
  })
})

test('pruning keeps the newest of each database, what is young, and what nobody knows', () => {
  const day = 86_400_000
  const now = Date.parse('2026-06-01T00:00:00Z')
  const backup = (database: string | null, days: number): Backup => ({
    filename: `${database}-${days}`,
    size: 1,
    createdAt: new Date(now - days * day).toISOString(),
    database,
    format: 'custom',
    sha256: null,
    server: null,
    label: null,
  })
  const all = [backup('a', 1), backup('a', 5), backup('a', 40), backup('a', 50), backup('b', 90), backup(null, 900)]
  const names = (rule: object) => toPrune(all, rule, now).map((b) => b.filename)
  expect(names({ keepDays: 30 })).toEqual(['a-40', 'a-50'])
  expect(names({ keepLast: 1 })).toEqual(['a-5', 'a-40', 'a-50'])
  expect(names({ keepDays: 30, keepLast: 3 })).toEqual(['a-50'])
  expect(names({ keepDays: 1000 })).toEqual([])
})
