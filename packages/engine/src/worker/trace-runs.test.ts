import { context, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { testDatabase, until } from '../../../../test/support/database.ts'
import { defineTask, FatalError } from '../index.ts'
import { traceRuns } from './trace-runs.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const inner = defineTask('inner', { run: () => {} })
const outer = defineTask('outer', {
  async run({ input }) {
    if (input.fail) throw new FatalError('no luck')
    if (input.more) await trunkline.enqueue(inner, {})
  },
})
const bulk = defineTask('bulk', { runBatch: () => {}, batch: { size: 10 } })

test('without OpenTelemetry set up nothing runs in a span, and a trace that is given is kept all the same', async () => {
  expect(traceRuns(db.open())).toBeNull()
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  const job = await trunkline.enqueue(inner, {}, { traceparent })
  await trunkline.enqueue(inner, {})
  expect(await db.rows('select * from trunkline.trace')).toEqual([{ job_id: job.id, traceparent, tracestate: null }])
  for (const bad of ['', '00-0-0-01', traceparent.toUpperCase(), `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`, 5]) {
    await expect(trunkline.enqueue(inner, {}, { traceparent: bad as string })).rejects.toMatchObject({ code: 'invalid_option' })
  }
})

describe('with OpenTelemetry', () => {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const spans = () => exporter.getFinishedSpans()
  const spanOf = async (name: string, id: string) => {
    const found = () => spans().find((span) => span.name === name && span.attributes['messaging.message.id'] === id)
    await until(() => found() !== undefined, `the span of job ${id}`)
    return found() as ReturnType<typeof spans>[number]
  }
  const request = async <T>(work: () => Promise<T>) => {
    const span = trace.getTracer('test').startSpan('request')
    const result = await context.with(trace.setSpan(ROOT_CONTEXT, span), work)
    span.end()
    return { span: span.spanContext(), result }
  }

  beforeAll(() => {
    trace.setGlobalTracerProvider(provider)
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  })
  afterEach(() => exporter.reset())
  afterAll(() => {
    trace.disable()
    context.disable()
  })

  test('a run continues the trace in which its job was made, one by one, keyed, many, in a flow, in the caller’s transaction; and so do jobs that it makes', async () => {
    const client = await db.client()
    const { span, result } = await request(async () => {
      await client.query('begin')
      const jobs = [
        await trunkline.enqueue(outer, { more: true }),
        await trunkline.enqueue(outer, {}, { uniqueKey: 'k' }),
        ...(await trunkline.enqueueMany(outer, [{}, {}])),
        await trunkline.enqueue(outer, {}, { tx: client }),
        ...Object.values((await trunkline.flows.add({ jobs: [{ name: 'a', task: 'outer', payload: {} }] })).jobs),
      ]
      await client.query('commit')
      return jobs
    })
    await client.end()
    const worker = await trunkline.work([outer, inner], { keeper: false })
    for (const job of result) {
      const run = await spanOf('process outer', job.id)
      expect(run.spanContext().traceId).toBe(span.traceId)
      expect(run.parentSpanContext?.spanId).toBe(span.spanId)
      expect(run.attributes).toMatchObject({
        'messaging.system': 'trunkline',
        'messaging.destination.name': 'default',
        'trunkline.attempt': 1,
      })
    }
    await until(() => spans().some((s) => s.name === 'process inner' && s.spanContext().traceId === span.traceId), 'the job of the job')
    const parent = await spanOf('process outer', result[0]?.id ?? '')
    expect(spans().find((s) => s.name === 'process inner' && s.spanContext().traceId === span.traceId)?.parentSpanContext?.spanId).toBe(
      parent.spanContext().spanId,
    )
    await worker.stop()
  })

  test('a job that was made outside of any trace begins one; a failure stands in its span', async () => {
    const job = await trunkline.enqueue(outer, { fail: true })
    const worker = await trunkline.work([outer], { keeper: false })
    const run = await spanOf('process outer', job.id)
    expect(run.parentSpanContext).toBeUndefined()
    expect(run.status).toEqual({ code: SpanStatusCode.ERROR, message: 'no luck' })
    expect(run.events[0]).toMatchObject({ name: 'exception' })
    await worker.stop()
  })

  test('a call for several jobs is linked to the trace of each', async () => {
    const { span } = await request(() => trunkline.enqueueMany(bulk, [{}, {}, {}]))
    await trunkline.enqueue(bulk, {})
    const worker = await trunkline.work([bulk], { keeper: false })
    await until(() => spans().flatMap((s) => s.links).length === 3, 'the links')
    expect(new Set(spans().flatMap((s) => s.links.map((link) => link.context.traceId)))).toEqual(new Set([span.traceId]))
    await worker.stop()
  })

  test('the trace goes with the history of its job', async () => {
    const { result: job } = await request(() => trunkline.enqueue(outer, {}))
    const worker = await trunkline.work([outer], { keeper: false })
    await job.result()
    await worker.stop()
    const keeper = trunkline.keeper({ retention: { completed: '1ms' } })
    await until(async () => {
      await keeper.runOnce()
      return (await db.rows('select from trunkline.trace where job_id = $1', [job.id])).length === 0
    }, 'the trace to go')
  })
})
