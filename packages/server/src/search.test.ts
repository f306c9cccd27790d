import { defineTask } from '@trunkline/engine'
import { expect, test } from 'vitest'
import { serverScene } from '../../../test/support/server-scene.ts'

const scene = await serverScene()
const owner = await scene.user('owner', { rights: ['payload.read'] })
const viewer = await scene.user('viewer')
const etl = await scene.user('operator', { scopes: { queues: ['etl-*'] } })
const made = await scene.db.connect()
const jobs = [
  ...(await made.enqueueMany(defineTask('import', { queue: 'etl-in', run: () => {} }), [{ nr: 1 }, { nr: 2 }, { nr: 3 }], {
    tags: ['nightly'],
  })),
  ...(await made.enqueueMany(defineTask('mail', { queue: 'other', run: () => {} }), [{ nr: 1 }, { nr: 2 }], { priority: 7 })),
].map((job) => job.id)
const [first, second, third, fourth, fifth] = jobs
await made.cancel(second as string)

const found = async (who: typeof owner, query: string) =>
  (await who('GET', `/jobs/search?${query}`)).body.data?.map((job: { id: string }) => job.id)

test('every parameter of a search narrows it', async () => {
  expect(await found(viewer, '')).toEqual([...jobs].reverse())
  expect(await found(viewer, 'q=task:im*+-state:cancelled')).toEqual([third, first])
  expect(await found(viewer, 'search=mai')).toEqual([fifth, fourth])
  expect(await found(viewer, 'status[]=cancelled&status[]=running')).toEqual([second])
  expect(await found(viewer, 'queues=other&tasks[]=mail&minPriority=7&maxPriority=7')).toEqual([fifth, fourth])
  expect(await found(viewer, 'tags=nightly&sortOrder=asc&limit=2')).toEqual([first, second])
  expect(await found(viewer, 'endDate=2020-01-01T00:00:00Z')).toEqual([])
  expect(await found(viewer, 'startDate=2020-01-01T00:00:00Z&minDuration=0&maxDuration=5')).toEqual([])
  expect(await found(viewer, 'sortBy=priority&sortOrder=desc&limit=1')).toEqual([fifth])
  expect(await found(viewer, 'page=2&limit=2')).toEqual([third, second])
  expect(await found(viewer, 'offset=4&limit=2')).toEqual([first])
})

test('pages follow each other by cursor, with the total on the first', async () => {
  const { body } = await viewer('GET', '/jobs/search?q=tag:nightly&limit=2')
  expect(body).toMatchObject({ total: 3, totalIsEstimate: false, nextCursor: expect.any(String), asOf: expect.any(String) })
  const { body: rest } = await viewer('GET', `/jobs/search?q=tag:nightly&limit=2&cursor=${body.nextCursor}`)
  expect(rest).toMatchObject({ data: [{ id: first }], nextCursor: null })
  expect(await viewer('GET', `/jobs/search?q=tag:x&cursor=${body.nextCursor}`)).toMatchObject({
    status: 400,
    body: { code: 'invalid_cursor' },
  })
})

test('an invalid query runs nothing and says where it is wrong', async () => {
  const { status, body } = await viewer('GET', '/jobs/search?q=state:faild')
  expect({ status, body }).toMatchObject({ status: 400, body: { code: 'invalid_query', errors: [{ field: 'q' }] } })
  expect(JSON.stringify(body)).toMatch(/column 6.*did you mean \\"failed\\"/)
  expect((await viewer('GET', '/jobs/search?q=error:deadlock')).body).toMatchObject({ code: 'query_too_broad' })
  expect((await viewer('GET', '/jobs/search?limit=501')).status).toBe(400)
  expect((await viewer('GET', '/jobs/search?page=300&limit=50')).body).toMatchObject({ code: 'invalid_option' })
  expect((await scene.anybody('GET', '/jobs/search')).status).toBe(401)
})

test('nobody finds the jobs or the payloads of others', async () => {
  expect(await found(etl, '')).toEqual([third, second, first])
  expect(await found(etl, 'queues=other')).toEqual([])
  expect(await found(owner, 'q=age:<1h+args.nr:2')).toEqual([fifth, second])
  expect((await viewer('GET', '/jobs/search?q=age:<1h+args.nr:2')).body).toMatchObject({ status: 403, code: 'forbidden' })
  expect((await owner('GET', '/jobs/search?limit=1&includeData=true')).body.data[0]).toMatchObject({ payload: { nr: 2 } })
  expect((await viewer('GET', '/jobs/search?limit=1&includeData=true')).body.data[0]).not.toHaveProperty('payload')
})
