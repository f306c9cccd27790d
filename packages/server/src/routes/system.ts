import { monitorEventLoopDelay } from 'node:perf_hooks'
import { health, system } from '@trunkline/contract/http'
import { schemaState, serverFacts } from '@trunkline/engine/postgres'
import { z } from 'zod'
import { type Route, route } from '../route.ts'
import type { Service } from '../service.ts'

/** Is the process well, is the database there, what endangers the queue; figures for Prometheus. */
export function systemRoutes({ trunkline, database, metrics, version, startedAt }: Service): Route[] {
  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()
  return [
    route({
      method: 'GET',
      url: '/system',
      summary: 'Versions, what endangers the queue, who keeps workers running',
      tag: 'system',
      access: { role: 'admin', object: 'none' },
      answers: { 200: system },
      async run() {
        const [facts, state, warnings, supervisors] = await Promise.all([
          serverFacts(database),
          schemaState(database),
          trunkline.health(),
          trunkline.supervisors(),
        ])
        return {
          version,
          startedAt: startedAt.toISOString(),
          node: process.version,
          database: { version: facts.version, schema: database.schema, migration: state.applied },
          warnings,
          supervisors: supervisors.map((s) => ({ ...s, startedAt: s.startedAt.toISOString() })),
          process: { rssBytes: process.memoryUsage.rss(), loopLagMs: Math.max(0, Math.round((delay.mean - 20e6) / 1e4) / 100 || 0) },
        }
      },
    }),
    route({
      method: 'GET',
      url: '/healthz',
      root: true,
      summary: 'Does the process answer?',
      tag: 'system',
      access: { role: 'anyone', object: 'none' },
      answers: { 200: health },
      run: async () => ({ status: 'ok' }),
    }),
    route({
      method: 'GET',
      url: '/readyz',
      root: true,
      summary: 'Is the database there?',
      tag: 'system',
      access: { role: 'anyone', object: 'none' },
      answers: { 200: health, 503: health },
      async run({ reply }) {
        const ready = await database.query('select 1').then(
          () => true,
          () => false,
        )
        if (!ready) reply.status(503).header('retry-after', '2')
        return { status: ready ? 'ok' : 'unavailable' }
      },
    }),
    route({
      method: 'GET',
      url: '/metrics',
      root: true,
      summary: 'Figures for Prometheus; from this machine, or with a token',
      tag: 'system',
      access: { role: 'local', object: 'none' },
      answers: { 200: z.string() },
      async run({ reply }) {
        const { text, type } = await metrics.read()
        return reply
          .type(type)
          .serializer((body: unknown) => body as string)
          .send(text)
      },
    }),
  ]
}
