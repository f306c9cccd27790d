import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { defineTask, type Trunkline } from '../../packages/engine/src/index.ts'
import { keysQueue, limitedQueue } from './more-work.ts'
import type { ChaosLimits, ChaosSchedule } from './witnesses.ts'

/** Brings the schema of a source tree into a database: that of a mutant may be another. */
export async function prepareSchema(root: string, connectionString: string): Promise<void> {
  const file = pathToFileURL(join(root, 'packages/engine/src/postgres/index.ts')).href
  const { migrate, openDatabase } = (await import(file)) as typeof import('../../packages/engine/src/postgres/index.ts')
  const database = openDatabase({ connectionString })
  await migrate(database)
  await database.close()
}

const second = 1000
const secondOf = (at: number) => Math.floor(at / second) % 60

/** How schedules fire, and the same said once more in other words. */
const rhythms: readonly { how: object; fits: (at: number, startsAt: number) => boolean }[] = [
  { how: { intervalMs: second }, fits: () => true },
  { how: { intervalMs: second, jitterMs: 400 }, fits: () => true },
  { how: { intervalMs: 3 * second, timezone: 'America/New_York' }, fits: (at, startsAt) => (at - startsAt) % (3 * second) === 0 },
  { how: { cronExpression: '1-59/2 * * * * *', timezone: 'Asia/Kathmandu' }, fits: (at) => secondOf(at) % 2 === 1 },
  { how: { cronExpression: '7,*/4 * * * * *' }, fits: (at) => secondOf(at) === 7 || secondOf(at) % 4 === 0 },
]

/** Sets the limits of two queues and makes schedules that begin in a moment and fire for some seconds; none of their slots may be missing. */
export async function startSchedules(admin: Trunkline, seconds: number): Promise<{ limits: ChaosLimits[]; schedules: ChaosSchedule[] }> {
  // tasks and queues are known once somebody has published them
  const tick = defineTask('chaos.tick', { queue: 'chaos', retry: { attempts: 5, backoff: { curve: 'fixed', delay: 50 } }, run: () => {} })
  const limited = defineTask('chaos.limited', { queue: limitedQueue, run: () => {} })
  const keyed = defineTask('chaos.keyed', { queue: keysQueue, run: () => {} })
  const publisher = await admin.work([tick, limited, keyed], { keeper: false, concurrency: 1 })
  await publisher.stop()
  const limits: ChaosLimits[] = [
    { queue: limitedQueue, concurrency: 6, perKey: 2 },
    { queue: keysQueue, concurrency: null, perKey: 2 },
  ]
  for (const { queue, concurrency, perKey } of limits) await admin.setLimits(queue, { concurrency, concurrencyPerKey: perKey })
  const startsAt = (Math.ceil(Date.now() / second) + 3) * second
  const endsAt = startsAt + seconds * second - 1
  const schedules: ChaosSchedule[] = []
  for (const [i, { how, fits }] of rhythms.entries()) {
    const { id, name } = await admin.schedules.create({
      name: `rhythm ${i}`,
      task: 'chaos.tick',
      payload: { n: i },
      overlap: 'allow',
      missed: { policy: 'all', windowMs: 3_600_000, max: 1000 },
      failureLimit: 0,
      startsAt: new Date(startsAt).toISOString(),
      endsAt: new Date(endsAt).toISOString(),
      ...how,
    })
    schedules.push({ id, name, startsAt, endsAt, fits: (at) => fits(at, startsAt) })
  }
  return { limits, schedules }
}
