import { describe, expect, test } from 'vitest'
import { testDatabase, until } from '../../../../test/support/database.ts'
import { defineTask } from '../jobs/define-task.ts'
import { advance, cursorText, readCursor } from './cursor.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const noop = defineTask('noop', { run: () => {} })
const rest = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe('the cursor', () => {
  test('remembers holes until they come, or can never come', () => {
    let at = advance({ high: 0, missing: new Map() }, [1, 2, 5], 90, 100)
    expect(cursorText(at)).toBe('5;3:100,4:100')
    at = advance(at, [4, 7], 95, 110)
    expect(cursorText(at)).toBe('7;3:100,6:110')
    // every transaction before 100 has ended: number 3 was rolled back
    at = advance(at, [], 100, 120)
    expect(cursorText(at)).toBe('7;6:110')
    expect(readCursor(cursorText(at))).toEqual(at)
    expect(readCursor('12')).toEqual({ high: 12, missing: new Map() })
  })

  test.each(['', 'x', '-1', '1;', '1;2', '1;2:3,', '1;2:x', '9'.repeat(17), `1;${'2:3,'.repeat(200_000)}4:5`, 7, null])(
    '%s is refused',
    (text) => {
      expect(() => readCursor(text)).toThrow(expect.objectContaining({ code: 'invalid_cursor', field: 'after' }))
    },
  )
})

describe('the change feed', () => {
  test('tells the life of a job, and goes on where a reader was', async () => {
    const start = (await trunkline.changes()).cursor
    const job = await trunkline.enqueue(noop, 1, { queue: 'life' })
    const worker = await trunkline.work([noop], { queues: ['life'], keeper: false })
    await job.result()
    await worker.stop()
    await trunkline.pause('life')
    const waiting = await trunkline.enqueue(noop, 1, { queue: 'life', delay: '1h' })
    await trunkline.update(waiting.id, { priority: 2, tags: ['x'] })
    await trunkline.promote(waiting.id)
    await trunkline.cancel(waiting.id)
    await trunkline.retry(waiting.id)
    await trunkline.delete(waiting.id)
    const kinds: string[] = []
    let after = start
    // one by one: a cursor is good after each change
    for (;;) {
      const page = await trunkline.changes({ after, limit: 1 })
      if (page.changes.length === 0) break
      kinds.push(page.changes[0]?.kind ?? '')
      after = page.cursor
    }
    expect(kinds.filter((k) => k !== 'feedback')).toEqual([
      'added',
      'closed',
      'queue',
      'added',
      'moved',
      'tagged',
      'promoted',
      'cancelled',
      'reopened',
      'deleted',
    ])
    const again = await trunkline.changes({ after: start, limit: 10_000 })
    expect(again.changes.map((c) => c.kind)).toEqual(kinds)
    // to the present end, without waiting for more
    const followed: string[] = []
    for await (const change of trunkline.follow({ after: start, limit: 3, once: true })) followed.push(change.kind)
    expect(followed).toEqual(kinds)
  })

  test('is gap-free with late commits and rollbacks: every committed change comes once', async () => {
    const start = (await trunkline.changes()).cursor
    const stop = new AbortController()
    const seen: string[] = []
    const cursors: string[] = []
    const reader = (async () => {
      // a reader that loses its place again and again and goes on from its last cursor
      let after = start
      while (!stop.signal.aborted) {
        for await (const change of trunkline.follow({ after, pollMs: 5, limit: 7, signal: stop.signal })) {
          if (change.kind === 'added') seen.push(String(change.body[2]))
          after = change.cursor
          cursors.push(after)
          if (cursors.length % 13 === 0) break
        }
      }
    })()
    const made: string[] = []
    await Promise.all(
      Array.from({ length: 8 }, async (_, w) => {
        const client = await db.client()
        for (let i = 0; i < 25; i++) {
          await client.query('begin')
          const job = await trunkline.enqueue(noop, 1, { queue: 'feed', tx: client })
          await rest(((w * 31 + i * 17) % 20) * 4)
          const keep = (w + i) % 10 !== 0
          await client.query(keep ? 'commit' : 'rollback')
          if (keep) made.push(job.id)
        }
      }),
    )
    await Promise.race([until(() => seen.length >= made.length, 'all changes to be read'), reader])
    await rest(100)
    stop.abort()
    await reader
    expect(seen.toSorted()).toEqual(made.toSorted())
    // holes of what was rolled back do not stay; other databases of the server may have open transactions for a while
    let after = cursors.at(-1) as string
    await until(async () => {
      after = (await trunkline.changes({ after })).cursor
      return readCursor(after).missing.size === 0
    }, 'the holes to close')
  })

  test('waits for a transaction that began after the one that committed past it', async () => {
    const [first, second] = [await db.client(), await db.client()]
    let { cursor: after } = await trunkline.changes()
    await first.query('begin; select pg_current_xact_id()')
    await second.query('begin')
    const late = await trunkline.enqueue(noop, 1, { tx: second })
    const early = await trunkline.enqueue(noop, 1, { tx: first })
    await first.query('commit')
    const seen: string[] = []
    const read = async () => {
      const page = await trunkline.changes({ after })
      after = page.cursor
      for (const change of page.changes) seen.push(String(change.body[2]))
    }
    await read()
    await read()
    expect(seen).toEqual([early.id])
    await second.query('commit')
    await read()
    expect(seen).toEqual([early.id, late.id])
  })

  test('says when it no longer reaches back, and refuses bad calls', async () => {
    await trunkline.enqueue(noop, 1)
    await db.rows('delete from trunkline.feed where no < (select max(no) from trunkline.feed)')
    await expect(trunkline.changes({ after: '1' })).rejects.toMatchObject({ code: 'cursor_expired' })
    await expect(trunkline.changes({ after: 'yesterday' })).rejects.toMatchObject({ code: 'invalid_cursor' })
    await expect(trunkline.changes({ after: '0', limit: 0 })).rejects.toMatchObject({ code: 'invalid_option', field: 'limit' })
    // 0 is the oldest that is kept, however far that is
    await db.rows(`select setval('trunkline.feed_no', 50000)`)
    await db.rows('delete from trunkline.feed')
    await trunkline.enqueue(noop, 1)
    expect((await trunkline.changes({ after: '0' })).changes).toHaveLength(1)
  })
})
