import pg from 'pg'
import { startEmbedded } from '../packages/trunkline/dist/embedded.js'
import { bullmqBest, bullmqDefault, startRedis } from './contestants/bullmq.mjs'
import { graphileBest, graphileDefault } from './contestants/graphile-worker.mjs'
import { pgBossBest, pgBossDefault } from './contestants/pg-boss.mjs'
import { plainSql } from './contestants/plain-sql.mjs'
import { trunkline } from './contestants/trunkline.mjs'
import { median, pause, percentile } from './measure.mjs'
import { report } from './report.mjs'
import { adds } from './scenarios/adds.mjs'
import { drain, drainBesideLogs, drainOfBacklog, drainPinned } from './scenarios/drain.mjs'
import { facade } from './scenarios/facade.mjs'
import { flows } from './scenarios/flows.mjs'
import { gates, rates } from './scenarios/gates.mjs'
import { pickup } from './scenarios/pickup.mjs'
import { schedules } from './scenarios/schedules.mjs'
import { slowAmongQuick } from './scenarios/slow-among-quick.mjs'

/** Measures what was asked for and prints it. @param options of run.mjs */
export async function main(options) {
  const dataDir = options.dataDir()
  const server = await startEmbedded({ dataDir })
  const admin = new pg.Client({ connectionString: server.connectionString('postgres') })
  admin.on('error', () => {})
  await admin.connect()
  const redis = await startRedis()
  if (!redis) console.error('BullMQ is left out: there is no redis-server on the PATH (apt-get install redis-server)')
  const house = { server, admin, redis, made: 0, say: (text) => console.error(text) }
  const results = {}
  try {
    for (const name of options.only) results[name] = await scenarios[name](house, options)
    if (options.defaults) results.defaults = await outOfTheBox(house)
  } finally {
    await admin.end()
    await server.stop()
    await redis?.stop()
    options.clear(dataDir)
  }
  report({ ...options, redis: redis !== null, postgres: server.version, node: process.versions.node }, results)
}

/** A database of its own for one contestant, and everything that a scenario needs of it. */
async function open(house, kind) {
  const name = `bench_${++house.made}`
  if (!kind.redis) await house.admin.query(`create database ${name}`)
  const connectionString = house.server.connectionString(kind.redis ? 'postgres' : name)
  const client = new pg.Client({ connectionString })
  client.on('error', () => {})
  await client.connect()
  const scene = { kind, name, client, admin: house.admin, serverPid: kind.redis ? house.redis.pid : house.server.pid, onJob: () => {} }
  scene.contestant = await kind.create({ connectionString, name, redisPort: house.redis?.port, onJob: (data) => scene.onJob(data) })
  scene.size = async () => {
    if (kind.redis) return null
    const { rows } = await client.query(
      `select coalesce(sum(pg_total_relation_size(c.oid)), 0)::float8 n from pg_class c where c.relkind = 'r' and c.relnamespace = $1::regnamespace`,
      [kind.tables],
    )
    return rows[0].n
  }
  scene.close = async () => {
    await scene.contestant.close()
    await client.end()
    if (!kind.redis) await house.admin.query(`drop database ${name} with (force)`)
  }
  return scene
}

/**
 * Lets every contestant play once a round, each in a database of its own that it keeps from round to round; every other round
 * in the opposite order, so that what one leaves behind on the machine meets nobody always.
 */
async function interleaved(house, kinds, rounds, title, play) {
  const scenes = []
  const played = []
  try {
    for (const kind of kinds) {
      if (kind.redis && !house.redis) continue
      scenes.push(await open(house, kind))
      played.push({ name: kind.name, peer: kind.peer, settings: kind.settings, rounds: [], size: null })
    }
    for (let round = 1; round <= rounds; round++) {
      const order = [...scenes.entries()]
      for (const [i, scene] of round % 2 === 0 ? order.reverse() : order) {
        const figures = await play(scene, round)
        played[i].rounds.push(figures)
        house.say(`${title}, round ${round}: ${scene.kind.name} (${scene.kind.settings}): ${told(figures)}`)
      }
    }
    for (const [i, scene] of scenes.entries()) played[i].size = await scene.size()
  } finally {
    for (const scene of scenes) await scene.close()
  }
  return played
}

const told = (figures) => JSON.stringify(figures, (_, v) => (typeof v === 'number' ? Math.round(v * 100) / 100 : v))

const best = [trunkline, graphileBest, pgBossBest, bullmqBest]

const scenarios = {
  drain: (house, { jobs, rounds }) => interleaved(house, [...best, plainSql], rounds, 'drain', (scene) => drain(scene, jobs)),
  logs: (house, { jobs, rounds }) =>
    interleaved(house, [trunkline], rounds, 'logs', async (scene) => ({
      without: (await drain(scene, jobs)).drain.perSecond,
      beside: (await drainBesideLogs(scene, jobs)).drain.perSecond,
    })),
  pinned: (house, { jobs, rounds }) =>
    interleaved(house, [trunkline, graphileBest, pgBossBest], rounds, 'pinned snapshot', async (scene) => ({
      without: (await drain(scene, jobs)).drain.perSecond,
      pinned: (await drainPinned(scene, jobs)).drain.perSecond,
    })),
  async backlog(house, { jobs, backlog }) {
    const played = []
    for (const kind of [trunkline, graphileBest, pgBossBest]) {
      played.push(
        ...(await interleaved(house, [kind], 1, 'backlog', async (scene) => ({
          without: (await drain(scene, jobs)).drain.usPerJob,
          backlog: (await drainOfBacklog(scene, jobs, backlog)).usPerJob,
        }))),
      )
    }
    return played
  },
  adds: (house, { rounds }) =>
    interleaved(house, best, rounds, 'single adds', async (scene) => ({
      one: await adds(scene, 1, 2000),
      ten: await adds(scene, 10, 2000),
    })),
  /**
   * Many short rounds, and the percentiles of all samples together: one stall of the disk decides the p99 of a single round.
   * The first round warms up and is not counted: the files of the new databases are still on their way to the disk.
   */
  async pickup(house, { rounds }) {
    const samples = new Map(best.map((kind) => [kind, []]))
    const played = await interleaved(house, best, rounds * 4 + 1, 'pickup', async (scene, round) => {
      const found = await pickup(scene, 100)
      if (round > 1) samples.get(scene.kind).push(...found)
      return { p50: median(found), p99: percentile(found, 0.99) }
    })
    const kinds = best.filter((kind) => samples.get(kind).length > 0)
    return played.map((figures, i) => {
      const all = samples.get(kinds[i])
      return { ...figures, rounds: [{ p50: median(all), p99: percentile(all, 0.99) }] }
    })
  },
  flows: (house, { rounds }) => interleaved(house, [trunkline], rounds, 'flows', (scene) => flows(scene, 20_000)),
  gates: (house, { jobs, rounds }) => interleaved(house, [trunkline], rounds, 'gates', (scene) => gates(scene, jobs)),
  rates: (house) => interleaved(house, [trunkline], 1, 'rates', (scene) => rates(scene, 100, 60)),
  schedules: (house) => interleaved(house, [trunkline], 1, 'schedules', (scene) => schedules(scene, 10_000, 30)),
  async facade(house, { rounds }) {
    const name = `bench_${++house.made}`
    await house.admin.query(`create database ${name}`)
    const played = { name: 'Trunkline', peer: 'trunkline', settings: 'default', rounds: [] }
    for (let round = 1; round <= rounds; round++) {
      const found = await facade(house.server.connectionString(name), 500)
      const figures = { p50: median(found), p99: percentile(found, 0.99) }
      played.rounds.push(figures)
      house.say(`façade, round ${round}: ${told(figures)}`)
    }
    await house.admin.query(`drop database ${name} with (force)`)
    return [played]
  },
  slow: (house) => interleaved(house, [trunkline, graphileBest], 1, 'slow among quick', (scene) => slowAmongQuick(scene, 20_000, 8000)),
}

/** The peers as they come: each drains as long as it takes to see its rate. */
async function outOfTheBox(house) {
  const played = []
  for (const kind of [trunkline, graphileDefault, bullmqDefault, pgBossDefault]) {
    played.push(
      ...(await interleaved(house, [kind], 1, 'out of the box', async (scene) => {
        let done = 0
        scene.onJob = () => void done++
        await scene.contestant.bulk(50_000)
        const stop = await scene.contestant.work()
        const begun = performance.now()
        while (done < 50_000 && performance.now() - begun < 10_000) await pause(5)
        const perSecond = (done / (performance.now() - begun)) * 1000
        await stop()
        return { perSecond }
      })),
    )
  }
  return played
}
