import pg from 'pg'
import { expect, inject, test } from 'vitest'
import { until } from '../support/database.ts'
import { startProxy } from './proxy.ts'

async function client(url: string, name: string): Promise<pg.Client> {
  const made = new pg.Client({ connectionString: url, application_name: name, query_timeout: 400 })
  made.on('error', () => {})
  await made.connect()
  return made
}

test('a network can be slow, deaf, cut and broken, for all or for some, and is whole again', async () => {
  const proxy = await startProxy(inject('server'))
  const url = proxy.through(inject('server'))
  const [one, other] = await Promise.all([client(url, 'one'), client(url, 'other')])
  const asks = (of: pg.Client) => of.query('select 7 n').then(({ rows }) => rows[0].n)
  try {
    expect(await asks(one)).toBe(7)

    proxy.set({ kind: 'delay', ms: 60 })
    const begun = performance.now()
    // what is on its way when the delay ends comes in its order
    setTimeout(() => proxy.set({ kind: 'pass' }), 30)
    for (const n of [1, 2, 3]) expect((await one.query('select $1::int n', [n])).rows).toEqual([{ n }])
    expect(performance.now() - begun).toBeGreaterThan(55)

    proxy.set({ kind: 'throttle', bytesPerSecond: 20_000 })
    const slow = performance.now()
    await one.query(`select repeat('x', 3000)`)
    expect(performance.now() - slow).toBeGreaterThan(140)

    // half open: neither an answer nor an end
    proxy.set({ kind: 'blackhole' }, /^one$/)
    await expect(asks(one)).rejects.toThrow('timeout')
    expect(await asks(other)).toBe(7)
    const ended = new Promise((resolve) => one.once('end', resolve))
    proxy.set({ kind: 'pass' })
    await ended

    // committed, and nobody is told
    const third = await client(url, 'third')
    await third.query('create temp table if not exists t (n int)')
    proxy.loseAnswerTo('comment on')
    await expect(third.query(`comment on database postgres is 'heard'`)).rejects.toThrow()
    expect(proxy.lost()).toBe(1)
    const [row] = (await other.query(`select shobj_description(oid, 'pg_database') said from pg_database where datname = 'postgres'`)).rows
    expect(row.said).toBe('heard')
    await other.query('comment on database postgres is null')

    const fourth = await client(url, 'fourth')
    proxy.set({ kind: 'half-close' }, /^fourth$/)
    await expect(asks(fourth)).rejects.toThrow('terminated')
    proxy.set({ kind: 'pass' })

    expect(proxy.reset(/^other$/)).toBe(1)
    await until(
      () =>
        asks(other).then(
          () => false,
          () => true,
        ),
      'the connection to break',
    )
    const last = await client(url, 'last')
    expect(await asks(last)).toBe(7)
    await last.end()
  } finally {
    await proxy.stop()
  }
})
