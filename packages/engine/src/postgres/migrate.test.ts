import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { onServer, testDatabase } from '../../../../test/support/database.ts'
import { defineTask } from '../jobs/define-task.ts'
import { describeSchema } from './describe-schema.ts'
import { checkSchemaState, migrate, migrationSql, readMigrations, schemaState } from './migrate.ts'

const noop = defineTask('noop', { run: () => 'done' })

describe('migrations', () => {
  test('make exactly the schema that is under review', async () => {
    const db = await testDatabase()
    const text = readFileSync(new URL('../../migrations/schema.sql', import.meta.url), 'utf8')
    expect(await describeSchema(db.open())).toBe(text)
  })

  test('twenty processes at once: one works, all find it done', async () => {
    const db = await testDatabase({ empty: true })
    const applied = await Promise.all(Array.from({ length: 20 }, () => migrate(db.open())))
    expect(applied.flat().sort()).toEqual(readMigrations().map((m) => m.name))
    expect(await migrate(db.open())).toEqual([])
  })

  test('another schema holds a queue of its own, beside ours', async () => {
    const db = await testDatabase()
    const other = await db.connect({ schema: 'other_queue', migrate: true })
    const ours = await db.connect()
    const job = await other.enqueue(noop, {})
    await expect(ours.get(job.id)).rejects.toMatchObject({ code: 'job_not_found' })
    const worker = await other.work([noop])
    expect(await job.result()).toBe('done')
    const [row] = await db.rows(`select other_queue.enqueue('noop') id`)
    expect(await other.job(row.id).result()).toBe('done')
    await worker.stop()
    await expect(db.connect({ schema: 'Robert"; drop' })).rejects.toMatchObject({ code: 'invalid_option', field: 'schema' })
  })

  test('the printed SQL, run by hand, makes the same schema', async () => {
    const db = await testDatabase({ empty: true })
    await db.rows(migrationSql('trunkline'))
    await checkSchemaState(db.open())
    expect(await describeSchema(db.open())).toBe(readFileSync(new URL('../../migrations/schema.sql', import.meta.url), 'utf8'))
  })

  test('a missing schema says what to do; one migrated by a breaking newer version is refused', async () => {
    const db = await testDatabase({ empty: true })
    await expect(db.connect()).rejects.toMatchObject({ code: 'schema_missing', hint: expect.stringContaining('trunkline migrate') })
    const database = db.open()
    await migrate(database)
    const newer = (await schemaState(database)).known + 1
    await db.rows(`insert into trunkline.migration(no, name, breaking) values ($1, 'newer', false)`, [newer])
    await (await db.connect()).close()
    await db.rows('update trunkline.migration set breaking = true where no = $1', [newer])
    await expect(db.connect()).rejects.toMatchObject({ code: 'schema_too_new' })
  })

  test('a role without rights gets a sentence, and nothing is half made', async () => {
    const db = await testDatabase({ empty: true })
    const role = `poor_${db.name}`
    await onServer(`create role ${role} login password 'poor'`)
    const url = new URL(db.url)
    url.username = role
    url.password = 'poor'
    await expect(migrate(db.open({ connectionString: url.href }))).rejects.toMatchObject({
      code: 'migration_failed',
      message: expect.stringContaining('permission denied'),
    })
    expect(await db.rows(`select from pg_namespace where nspname = 'trunkline'`)).toEqual([])
    await onServer(`drop role ${role}`)
  })
})

describe('connecting', () => {
  test('to nothing, with a wrong password, to a database that is not there: an error with a code within seconds', async () => {
    const db = await testDatabase()
    const wrong = (change: (url: URL) => void) => {
      const url = new URL(db.url)
      change(url)
      return db.connect({ connectionString: url.href, connectTimeoutMs: 2000 })
    }
    await expect(
      wrong((u) => {
        u.port = '1'
      }),
    ).rejects.toMatchObject({ code: 'database_unavailable', status: 503 })
    await expect(
      wrong((u) => {
        u.pathname = '/nowhere'
      }),
    ).rejects.toMatchObject({ code: 'database_unavailable' })
    await expect(db.connect({ conectionString: 'x' } as never)).rejects.toMatchObject({ code: 'unknown_option' })
    await expect(db.connect({ connectionString: '' })).rejects.toMatchObject({ code: 'invalid_option' })
  })
})
