import { expect, test } from 'vitest'
import { serverScene } from '../../../../test/support/server-scene.ts'
import { redact, redactText } from '../door/redact.ts'

const scene = await serverScene()
const owner = await scene.user('owner')
const long = (piece: string, length = 900_000) => piece.repeat(Math.ceil(length / piece.length)).slice(0, length)
const pieces = [
  'a',
  'aaaa!',
  '-eyJ',
  'eyJaaaaaaaaaaaa.',
  'bearer ',
  'bearer',
  '://a:',
  '://',
  'password=',
  'password="',
  `token='`,
  '@',
  ' ',
  'a@',
  '.a',
  '*',
  '\\',
  '%_',
]

/** Processor time, not the clock's: others work on this machine as well. */
async function cost(work: () => unknown): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

test.each(pieces)('900 kB of %j are looked through for secrets in a moment', async (piece) => {
  const text = long(piece)
  redactText(text)
  expect(await cost(() => redactText(text))).toBeLessThan(700)
  expect(redact({ a: [text.slice(0, 1000)] })).toBeDefined()
})

test.each(['a', 'aaaa!', '@', '*', '\\'])('900 kB of %j in any text of a body are refused or taken in a moment', async (piece) => {
  const text = long(piece)
  for (const [method, path, body] of [
    ['POST', '/auth/login', { email: text, password: 'x' }],
    ['POST', '/jobs', { task: text }],
    ['POST', '/jobs', { task: 'x', runAt: text }],
    ['POST', '/jobs', { task: 'x', tags: [text] }],
    ['POST', '/users', { email: 'a@b.c', role: 'viewer', scopes: { queues: [text] } }],
    ['POST', '/backups/a.dump/restore', { database: text }],
  ] as const) {
    const call = () => owner(method, path, body)
    await call()
    let status = 0
    const ms = await cost(async () => {
      status = (await call()).status
    })
    expect(status, `${method} ${path}`).toBeLessThan(500)
    expect(ms, `${method} ${path}`).toBeLessThan(400)
  }
})
