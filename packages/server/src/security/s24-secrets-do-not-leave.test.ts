import { defineTask, FatalError } from '@trunkline/engine'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { until } from '../../../../test/support/database.ts'
import { serverScene } from '../../../../test/support/server-scene.ts'

const canary = 'cAnArY-3f9a71'
const scene = await serverScene()
const owner = await scene.user('owner', { rights: ['payload.read', 'steps.sql', 'steps.shell'] })
const worker = await scene.db.connect()
await worker.work([
  defineTask('leaky', {
    queue: 'q',
    input: z.looseObject({ pin: z.string().meta({ writeOnly: true }) }),
    run({ input, log }) {
      log.info(`connecting to postgres://app:${canary}@db/app with password=${canary}`, { token: canary, nested: [{ apiKey: canary }] })
      if (input.fail) throw new FatalError(`login with Authorization: Bearer ${canary} failed, secret: "${canary}"`)
      return { access_token: canary, rows: 3, dsn: `postgres://app:${canary}@db/app` }
    },
  }),
])
const payload = {
  pin: canary,
  password: canary,
  user: { client_secret: canary, 'api-key': canary, name: 'Anna' },
  headers: { Authorization: `Bearer ${canary}`, Cookie: canary },
  url: `https://x:${canary}@example.com/`,
  tokens: 3,
}

test('a secret in fifteen places is in no answer, whoever asks', async () => {
  const good = (await owner('POST', '/jobs', { task: 'leaky', payload })).body.id
  const bad = (await owner('POST', '/jobs', { task: 'leaky', payload: { ...payload, fail: true } })).body.id
  for (const [id, state] of [
    [good, 'completed'],
    [bad, 'failed'],
  ]) {
    await until(async () => (await owner('GET', `/jobs/${id}`)).body.state === state, state)
    await until(async () => (await owner('GET', `/jobs/${id}/logs`)).body.data.length > 0, 'the log')
  }
  await worker.keeper().runOnce()
  const answers: string[] = []
  for (const id of [good, bad]) {
    for (const path of ['', '?includeData=true', '/status', '/logs', '/logs?download=text', '/logs?download=jsonl', '/timeline', '/why']) {
      answers.push((await owner('GET', `/jobs/${id}${path}`)).text)
    }
    for (const path of [`/api/erp/jobs/${id}`, `/api/erp/jobs/${id}/status`]) answers.push((await owner('GET', path)).text)
  }
  for (const path of [
    '/jobs?includeData=true',
    '/jobs/errors',
    '/jobs/notifications',
    '/api/erp/jobs/notifications',
    '/audit',
    '/jobs/events?after=0',
    '/metrics',
  ]) {
    answers.push((await owner('GET', path)).text)
  }
  const { fingerprint } = (await owner('GET', '/jobs/errors')).body.data[0]
  answers.push((await owner('PATCH', `/jobs/errors/${fingerprint}`, { state: 'ongoing' })).text)
  answers.push((await owner('POST', `/jobs/${bad}/retry`)).text)
  for (const text of answers) expect(text).not.toContain(canary)

  // and what is no secret is there
  const { body } = await owner('GET', `/jobs/${good}?includeData=true`)
  expect(body.payload).toMatchObject({ pin: '•••', tokens: 3, user: { name: 'Anna' } })
  expect(body.result).toMatchObject({ rows: 3 })
})

test('an error about a body does not quote it', async () => {
  for (const body of [
    `{"email":"a@b.c","password":"${canary}"`,
    `{"email":"a@b.c","password":"${canary}","password":"x"}`,
    `["${canary}"]`,
  ]) {
    const { status, text } = await scene.anybody('POST', '/auth/login', body)
    expect(status).toBe(400)
    expect(text).not.toContain(canary)
  }
})
