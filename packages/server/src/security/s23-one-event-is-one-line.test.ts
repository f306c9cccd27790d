import { defineTask } from '@trunkline/engine'
import { expect, test } from 'vitest'
import { until } from '../../../../test/support/database.ts'
import { serverScene } from '../../../../test/support/server-scene.ts'
import { sentence } from '../../../trunkline/src/narrate.ts'
import { plain } from '../../../trunkline/src/print.ts'

const scene = await serverScene()
const viewer = await scene.user('viewer')
const forged = 'ok\r\n2030-01-01T00:00:00.000Z #1 error you were hacked\u001b[2J\u2028x'
const worker = await scene.db.connect()
await worker.work([
  defineTask('t', {
    queue: 'q',
    run({ log }) {
      log.info(forged)
      log.warn('the last line')
    },
  }),
])

test('a message with line ends is one line of the downloaded log, in both forms', async () => {
  const { id } = await worker.enqueue('t', {})
  await until(async () => (await viewer('GET', `/jobs/${id}/logs?level=warn`)).body.data.length === 1, 'the log')
  for (const format of ['text', 'jsonl']) {
    const { text } = await viewer('GET', `/jobs/${id}/logs?download=${format}`)
    const lines = text.trimEnd().split('\n')
    const all = (await viewer('GET', `/jobs/${id}/logs`)).body.data
    expect(lines).toHaveLength(all.length)
    expect(lines.filter((line) => line.startsWith('2030-'))).toEqual([])
    expect(text).not.toContain('\u001b[2J')
  }
})

test('what the server prints of a failed request is one line', () => {
  const error = new Error(forged)
  const text = plain(sentence({ type: 'request_failed', requestId: 'r', route: '/x\ny', error }))
  expect(text).not.toMatch(/[\r\n\u001b]/)
})
