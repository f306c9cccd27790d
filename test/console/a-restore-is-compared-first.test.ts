import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { fileSystemStorage } from '../../packages/engine/src/index.ts'
import { builtInTasks, compareBackup, listBackups, type TaskEnvironment } from '../../packages/tasks/src/index.ts'
import { until } from '../support/database.ts'
import { consoleScene } from './scene.ts'

const folder = mkdtempSync(join(tmpdir(), 'trunkline-compared-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const storage = fileSystemStorage(folder)
const environment = (): TaskEnvironment => ({ connectionString: scene.db.url, storage, pgDump: '/nowhere/pg_dump' })
const scene = await consoleScene(
  {},
  {
    backups: () => listBackups(storage),
    compareBackup: (filename, database) => compareBackup(environment(), filename, database),
  },
)
const { db, trunkline } = scene

test('before a backup is restored its tables are seen beside those of the database that is typed', async () => {
  await db.rows(`create table public.kept(id int)`)
  await db.rows(`insert into public.kept select generate_series(1, 1234)`)
  await db.rows(`analyze public.kept`)
  const worker = await trunkline.work(builtInTasks(environment()), { pollMs: 20 })
  const { id } = await trunkline.enqueue('backup_create', {})
  await until(async () => (await trunkline.get(id)).state === 'completed')
  await worker.stop()
  await db.rows(`create table public.since(id int)`)

  const { page, complaints } = await scene.desk('owner', '/backups')
  await page
    .getByRole('button', { name: /^More about/ })
    .first()
    .click()
  await page.getByRole('menuitem', { name: 'Restore' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('nothing: it is made').waitFor()
  await dialog.getByLabel('Into the database').fill(db.name)
  const compared = dialog.getByRole('region', { name: `Compared with ${db.name}` })
  await compared.getByText('1 table is there and not in the backup: gone where it is replaced.').waitFor()
  const row = (name: string) => compared.getByRole('row', { name: new RegExp(`^public\\.${name} `) })
  expect(await row('kept').getByRole('cell').allInnerTexts()).toEqual(['has it', 'has it', '1,234'])
  expect(await row('since').getByRole('cell').allInnerTexts()).toEqual(['not in it', 'has it', 'not counted yet'])
  expect(complaints).toEqual([])
}, 60_000)
