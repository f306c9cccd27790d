import { expect, test } from 'vitest'
import { check } from './checker.ts'
import { parseEffects } from './effects.ts'
import { parseHistory } from './history.ts'
import type { ChaosEvent, ChaosJob, ChaosSchedule, Witnesses } from './witnesses.ts'

/** One event of the database; the numbers follow the order of the calls, a second apart. */
type Told = Partial<ChaosEvent> & Pick<ChaosEvent, 'kind'>

function eventsOf(told: readonly Told[]): ChaosEvent[] {
  return told.map((event, i) => {
    const at = (i + 1) * 1000
    return {
      no: i + 1,
      at,
      begun: at,
      tx: String(i + 1),
      lease: null,
      worker: null,
      ids: [],
      attempts: [],
      codes: [],
      beat: at,
      words: [],
      ...event,
    }
  })
}

const quick = (over: Partial<ChaosJob> = {}): ChaosJob => ({
  id: 1,
  key: '1.0',
  task: 'chaos.quick',
  uniqueKey: null,
  maxAttempts: 5,
  outcome: { status: 2, attempt: 0, worker: 7, code: null, reason: null },
  tries: [],
  places: [],
  effects: 0,
  queue: 'chaos',
  gateKeys: null,
  slot: null,
  ...over,
})

const history = '{"asked":["1.0"],"task":"quick"}\n{"ok":["1.0"],"ids":["1"]}\n'
const effects = 'S 1 70 1 10.5\nE 1 70 1 11.5\nC 1 70 0 12.5\n'

/** The life of a job under one worker. */
const life: readonly Told[] = [
  { kind: 'alive', worker: 7 },
  { kind: 'added', ids: [1] },
  { kind: 'claimed', lease: 70, worker: 7, ids: [1], attempts: [0] },
  { kind: 'released', lease: 70, worker: 7, ids: [1], tx: 'end' },
  { kind: 'ended', ids: [1], attempts: [0], codes: [2], words: ['7'], tx: 'end' },
  { kind: 'gone', worker: 7, words: ['stopped'] },
]

/** Worker 7 dies with the job, and worker 8 ends it. */
const recovery: readonly Told[] = [
  { kind: 'alive', worker: 7 },
  { kind: 'added', ids: [1] },
  { kind: 'claimed', lease: 70, worker: 7, ids: [1, 2], attempts: [0, 0] },
  { kind: 'alive', worker: 8 },
  { kind: 'released', lease: 70, worker: 7, ids: [1, 2], tx: 'recovery' },
  { kind: 'tried', ids: [1], attempts: [0], codes: [2], words: ['worker_lost'], tx: 'recovery' },
  { kind: 'gone', worker: 7, words: ['lost'], tx: 'recovery' },
  { kind: 'claimed', lease: 80, worker: 8, ids: [1], attempts: [1] },
  { kind: 'released', lease: 80, worker: 8, ids: [1], tx: 'end' },
  { kind: 'ended', ids: [1], attempts: [1], codes: [2], words: ['8'], tx: 'end' },
]
const recoveredJob = (over: Partial<ChaosJob> = {}) =>
  quick({ outcome: { status: 2, attempt: 1, worker: 8, code: null, reason: null }, tries: [{ attempt: 0, kind: 2 }], ...over })
const recoveredEffects = [...parseEffects('S 1 70 1 10\n', 'w7'), ...parseEffects('S 1 80 2 20\nE 1 80 2 21\nC 1 80 0 22\n', 'w8')]

function witnesses(over: Partial<Omit<Witnesses, 'events'>> & { events?: readonly Told[] } = {}): Witnesses {
  const { events = life, ...rest } = over
  return {
    calls: parseHistory(history),
    effects: parseEffects(effects, 'w7'),
    jobs: [quick()],
    counters: [],
    countedAdded: rest.jobs?.length ?? 1,
    left: [],
    deaths: [],
    staleMs: 2000,
    schedules: [],
    slots: [],
    edges: [],
    limits: [],
    clockMs: 0,
    ...rest,
    events: eventsOf(events),
  }
}
const recovered = (over: Parameters<typeof witnesses>[0] = {}) =>
  witnesses({ events: recovery, jobs: [recoveredJob()], effects: recoveredEffects, ...over })

/** The same events, one of them other than it was. */
const changed = (events: readonly Told[], at: number, over: Partial<ChaosEvent>) => events.map((e, i) => (i === at ? { ...e, ...over } : e))
const without = (events: readonly Told[], at: number) => events.filter((_, i) => i !== at)
/** What is found broken, each invariant once. */
const broken = (of: Witnesses) => [...new Set(check(of).map((v) => v.invariant))]

test('a job that was done, one whose worker died, and one that was never there, are as promised', () => {
  expect(check(witnesses())).toEqual([])
  expect(check(recovered())).toEqual([])
  expect(check(witnesses({ calls: parseHistory(`${history}{"asked":["2.0"],"task":"quick"}\n{"inDoubt":["2.0"],"why":"x"}\n`) }))).toEqual(
    [],
  )
})

test('I1: what was accepted is there once, what was refused is not, and nobody asked for nothing', () => {
  const none = { jobs: [], events: [], effects: [] }
  expect(broken(witnesses(none))).toEqual(['I1'])
  const inDoubt = '{"asked":["1.0"],"task":"quick"}\n'
  expect(broken(witnesses({ calls: parseHistory(inDoubt) }))).toEqual([])
  expect(broken(witnesses({ calls: parseHistory(`${inDoubt}{"fail":["1.0"],"why":"rolled back"}\n`) }))).toEqual(['I1'])
  expect(broken(witnesses({ calls: [] }))).toEqual(['I1'])
  const twin = [...life, ...life.map((e) => ({ ...e, ids: e.ids?.map(() => 2) ?? [], lease: e.lease ? 71 : null, tx: `${e.tx} 2` }))]
  const both = parseEffects(`${effects}${effects.replaceAll(' 1 70 ', ' 2 71 ')}`, 'w7')
  expect(broken(witnesses({ jobs: [quick(), quick({ id: 2 })], events: twin, effects: both }))).toEqual(['I1'])
})

test('I1: two jobs of a unique key are never unfinished at the same time', () => {
  const jobs = [quick({ uniqueKey: 'u' }), quick({ id: 2, key: '2.0', uniqueKey: 'u' })]
  const calls = parseHistory(`${history}${history.replaceAll('1.0', '2.0').replace('["1"]', '["2"]')}`)
  const second = life.map((e) => ({ ...e, ids: e.ids?.map(() => 2) ?? [], lease: e.lease ? 71 : null, tx: `${e.tx} 2` }))
  const both = parseEffects(`${effects}${effects.replaceAll(' 1 70 ', ' 2 71 ')}`, 'w7')
  expect(broken(witnesses({ jobs, calls, effects: both, events: [...life, ...second] }))).toEqual([])
  expect(broken(witnesses({ jobs, calls, effects: both, events: [...life.slice(0, 4), ...second, ...life.slice(4)] }))).toEqual(['I1'])
  // the first one, cancelled before the second was made, is retried: behind the end of that, or before it
  const cancelled: Told = { kind: 'ended', ids: [1], attempts: [0], codes: [4], words: [''], tx: 'cancel' }
  const again: Told[] = [{ kind: 'reopened', ids: [1] }, ...life.slice(2)]
  const before: Told[] = [...life.slice(0, 2), cancelled]
  expect(broken(witnesses({ jobs, calls, effects: both, events: [...before, ...second, ...again] }))).toEqual([])
  expect(
    broken(witnesses({ jobs, calls, effects: both, events: [...before, ...second.slice(0, 4), ...again, ...second.slice(4)] })),
  ).toEqual(['I1'])
})

test('I2: after the drain every job has ended and is nowhere else', () => {
  const unclaimed = { events: life.slice(0, 2), effects: [] }
  expect(broken(witnesses({ ...unclaimed, jobs: [quick({ outcome: null, places: ['ready'] })] }))).toEqual(['I2'])
  expect(broken(witnesses({ ...unclaimed, jobs: [quick({ outcome: null })] }))).toEqual(['I2'])
  expect(broken(witnesses({ jobs: [quick({ places: ['scheduled'] })] }))).toEqual(['I2'])
})

test('I3: it ends once, as its row says, and as its task can', () => {
  const again: Told[] = [...life, { kind: 'ended', ids: [1], attempts: [0], codes: [2], words: ['7'], tx: 'end' }]
  expect(broken(witnesses({ events: again }))).toEqual(['I3'])
  expect(broken(witnesses({ events: changed(life, 4, { codes: [3] }) }))).toEqual(['I3'])
  const failed = quick({ outcome: { status: 3, attempt: 0, worker: 7, code: 'x', reason: 'fatal' } })
  expect(broken(witnesses({ events: changed(life, 4, { codes: [3] }), jobs: [failed] }))).toEqual(['I3'])
  expect(broken(witnesses({ jobs: [quick({ task: 'chaos.odd' })] }))).toEqual(['I3'])
})

test('I4: the end is that of the last holder, and of work that was done', () => {
  expect(broken(recovered({ jobs: [recoveredJob({ outcome: { status: 2, attempt: 1, worker: 7, code: null, reason: null } })] }))).toEqual([
    'I4',
  ])
  expect(broken(recovered({ effects: [...recoveredEffects, ...parseEffects('C 1 70 0 30\n', 'w7')] }))).toEqual(['I4'])
  expect(broken(witnesses({ effects: parseEffects('S 1 70 1 10\nC 1 70 0 12\n', 'w7') }))).toEqual(['I4'])
  expect(broken(witnesses({ events: changed(life, 3, { tx: 'another' }) }))).toEqual(['I4'])
})

test('I4: what a handler commits with its end is there once, and only with it', () => {
  const own = (over: Partial<ChaosJob> = {}) => ({ jobs: [quick({ task: 'chaos.own', effects: 1, ...over })] })
  // moved into a lease of its own, in which it was completed
  const moved: Told[] = [
    ...changed(life.slice(0, 3), 2, { ids: [1, 2], attempts: [0, 0] }),
    { kind: 'released', lease: 70, worker: 7, ids: [1], tx: 'move' },
    { kind: 'claimed', lease: 75, worker: 7, ids: [1], attempts: [0], tx: 'move' },
    { kind: 'released', lease: 75, worker: 7, ids: [1], tx: 'end' },
    ...life.slice(4),
  ]
  expect(check(witnesses({ events: moved, ...own() }))).toEqual([])
  expect(broken(witnesses({ events: moved, ...own({ effects: 2 }) }))).toEqual(['I4'])
  expect(broken(witnesses({ events: moved, ...own({ effects: 0 }) }))).toEqual(['I4'])
  const failed = own({ outcome: { status: 3, attempt: 0, worker: 7, code: null, reason: 'attempts_used' } })
  expect(broken(witnesses({ events: changed(moved, 6, { codes: [3] }), ...failed }))).toEqual(['I4'])
})

test('I4: what a lost execution says is not kept', () => {
  const said: Told = { kind: 'said', ids: [1], words: ['lease 70 step 1'] }
  expect(broken(recovered({ events: [...recovery.slice(0, 4), said, ...recovery.slice(4)] }))).toEqual([])
  expect(broken(recovered({ events: [...recovery, said] }))).toEqual(['I4'])
})

test('I5: one holder at a time, and only the dead are taken from', () => {
  expect(
    broken(
      witnesses({
        events: [
          ...life.slice(0, 3),
          { kind: 'claimed', lease: 71, worker: 7, ids: [1], attempts: [0] },
          { kind: 'released', lease: 70, worker: 7, ids: [1] },
          { kind: 'released', lease: 71, worker: 7, ids: [1], tx: 'end' },
          ...life.slice(4),
        ],
        effects: parseEffects(effects.replaceAll(' 70 ', ' 71 '), 'w7'),
      }),
    ),
  ).toEqual(['I5'])
  expect(broken(witnesses({ effects: parseEffects(`S 1 69 1 5\nE 1 69 1 6\n${effects}`, 'w7') }))).toEqual(['I5'])
  // its sign of life came a moment before it was given up
  expect(broken(recovered({ events: changed(recovery, 3, { worker: 7 }) }))).toEqual([])
  expect(broken(recovered({ events: changed(recovery, 5, { kind: 'alive', worker: 7, ids: [] }), jobs: [recoveredJob()] }))).toEqual(['I5'])
})

test('I5: two handlers run at once only when the first was taken for dead', () => {
  const overlapping = [
    ...parseEffects('S 1 70 1 10\nE 1 70 1 20.5\n', 'w7'),
    ...parseEffects('S 1 80 2 20\nE 1 80 2 21\nC 1 80 0 22\n', 'w8'),
  ]
  expect(broken(recovered({ effects: overlapping }))).toEqual([])
  // handed back, not recovered from
  const failedTry = changed(without(recovery, 6), 5, { codes: [1], words: ['Error'] })
  expect(
    broken(recovered({ events: failedTry, jobs: [recoveredJob({ tries: [{ attempt: 0, kind: 1 }] })], effects: overlapping })),
  ).toEqual(['I5'])
})

test('I6: tries are numbered without gaps, no more than allowed, and only what was begun has crashed', () => {
  expect(broken(recovered({ jobs: [recoveredJob({ tries: [{ attempt: 1, kind: 2 }] })] }))).toEqual(['I6'])
  expect(broken(recovered({ jobs: [recoveredJob({ tries: [{ attempt: 0, kind: 1 }], maxAttempts: 1 })] }))).toEqual(['I6'])
  expect(broken(recovered({ events: changed(recovery, 2, { attempts: [3, 0] }) }))).toEqual(['I6'])
  expect(broken(recovered({ effects: recoveredEffects.slice(1) }))).toEqual(['I6'])
  // alone in its lease it is counted, begun or not
  const alone = changed(changed(recovery, 2, { ids: [1], attempts: [0] }), 4, { ids: [1] })
  expect(broken(recovered({ events: alone, effects: recoveredEffects.slice(1) }))).toEqual([])
})

test('I7: what has ended is not claimed, unless it was opened again', () => {
  const claimed: Told = { kind: 'claimed', lease: 90, worker: 7, ids: [1], attempts: [0] }
  const released: Told = { kind: 'released', lease: 90, worker: 7, ids: [1] }
  expect(broken(witnesses({ events: [...life, claimed, released] }))).toEqual(['I7'])
})

test('I1: a call makes all of its jobs or none', () => {
  const two = '{"asked":["1.0","1.1"],"task":"quick"}\n'
  expect(broken(witnesses({ calls: parseHistory(two) }))).toEqual(['I1'])
  expect(broken(witnesses({ calls: parseHistory(two), jobs: [], events: [], effects: [] }))).toEqual([])
})

/** Jobs 1 and 2, one after the other; the clock of the effect log is the one of the database here. */
function two(over: Partial<ChaosJob>, [firstFrom, firstTo, secondFrom, secondTo]: readonly [number, number, number, number], first = 'ok') {
  const asked = (i: number, answer: string) => `{"asked":["${i}.0"],"task":"limited"}\n{"${answer}":["${i}.0"],"ids":["${i}"]}\n`
  const lines = (job: number, lease: number, from: number, to: number) => `S ${job} ${lease} 1 ${from}\nE ${job} ${lease} 1 ${to}\n`
  const released = (id: number, lease: number, at: number): Told => ({ kind: 'released', lease, worker: 7, ids: [id], tx: `end ${id}`, at })
  const ended = (id: number): Told => ({ kind: 'ended', ids: [id], attempts: [0], codes: [2], words: ['7'], tx: `end ${id}` })
  return witnesses({
    calls: parseHistory(asked(1, first) + asked(2, 'ok')),
    jobs: [quick({ task: 'chaos.limited', queue: 'l', ...over }), quick({ id: 2, key: '2.0', task: 'chaos.limited', queue: 'l', ...over })],
    effects: parseEffects(lines(1, 70, firstFrom, firstTo) + lines(2, 71, secondFrom, secondTo), 'w7'),
    events: [
      { kind: 'added', ids: [1, 2] },
      { kind: 'claimed', lease: 70, worker: 7, ids: [1], attempts: [0] },
      { kind: 'claimed', lease: 71, worker: 7, ids: [2], attempts: [0] },
      ...[released(1, 70, 5000), ended(1), released(2, 71, 9000), ended(2)],
    ],
    limits: [{ queue: 'l', concurrency: 2, perKey: 1 }],
  })
}

test('I8: no more run at once than a key or a queue allows', () => {
  const ofKey = { gateKeys: [null, 'k', null] }
  expect(broken(two(ofKey, [1000, 2000, 2000, 3000]))).toEqual([])
  expect(broken(two(ofKey, [1000, 2000, 1999, 3000]))).toEqual(['I8'])
  // taken from a frozen worker at 5000, it may run on beside the next
  expect(broken(two(ofKey, [1000, 8000, 5001, 6000]))).toEqual([])
  expect(broken(two({ gateKeys: null }, [1000, 2000, 1500, 3000]))).toEqual([])
  const one = { ...two({ gateKeys: null }, [1000, 2000, 1500, 3000]), limits: [{ queue: 'l', concurrency: 1, perKey: 1 }] }
  expect(broken(one)).toEqual(['I8'])
  expect(broken({ ...one, limits: [{ queue: 'other', concurrency: 1, perKey: 1 }] })).toEqual([])
})

test('I8: jobs of an ordering key run in the order in which they were accepted, one by one', () => {
  const ordered = { gateKeys: ['k', null, null] }
  expect(broken(two(ordered, [1000, 2000, 2000, 3000]))).toEqual([])
  expect(broken(two(ordered, [3000, 4000, 1000, 2000]))).toEqual(['I8'])
  expect(broken(two(ordered, [1000, 2000, 1500, 3000]))).toEqual(['I8'])
  // whoever got no answer does not know when it was accepted
  expect(broken(two(ordered, [3000, 4000, 1000, 2000], 'inDoubt'))).toEqual([])
})

test('I9: the slots are those of the rule, each once, each with one job', () => {
  const even: ChaosSchedule = { id: 's', name: 'even', startsAt: 10_000, endsAt: 13_999, fits: (at) => (at / 1000) % 2 === 0 }
  const fired = (...times: number[]) => times.map((at) => ({ schedule: 's', at, state: 'fired' }))
  const jobs = (...times: number[]) =>
    times.map((at, i) =>
      quick({ id: i + 1, key: 'slot', task: 'chaos.tick', slot: { schedule: 's', at }, outcome: null, places: ['ready'] }),
    )
  const of = (slots: ReturnType<typeof fired>, made: ChaosJob[]) =>
    broken(witnesses({ schedules: [even], slots, jobs: made, calls: [], events: [], effects: [] })).filter((i) => i !== 'I2')
  expect(of(fired(10_000, 12_000), jobs(10_000, 12_000))).toEqual([])
  expect(of(fired(10_000), jobs(10_000))).toEqual(['I9'])
  expect(of(fired(10_000, 12_000, 12_000), jobs(10_000, 12_000))).toEqual(['I9'])
  expect(of(fired(10_000, 12_000), jobs(10_000, 12_000, 12_000))).toEqual(['I9'])
  expect(of(fired(10_000, 12_000), jobs(10_000))).toEqual(['I9'])
  expect(of(fired(10_000, 11_000, 12_000), jobs(10_000, 11_000, 12_000))).toEqual(['I9'])
  expect(of([...fired(10_000), { schedule: 's', at: 12_000, state: 'skipped' }], jobs(10_000, 12_000))).toEqual(['I9'])
})

test('I15: no job is given out before those that it depends on have ended, and it ends as they say', () => {
  const done = two({ gateKeys: null }, [1000, 2000, 2500, 3000])
  const edge = { parent: 1, child: 2, onFailure: 'cancel' as const }
  const late = [
    ...done.events.filter((e) => e.lease !== 71 && !e.ids.includes(2)),
    ...done.events.filter((e) => e.lease === 71 || e.no === 7),
  ]
  const inOrder = { ...done, edges: [edge], events: late.map((event, i) => ({ ...event, no: i + 1 })) }
  expect(broken(inOrder)).toEqual([])
  expect(broken({ ...done, edges: [edge] })).toEqual(['I15'])
  const failed = { status: 3, attempt: 0, worker: 7, code: 'x', reason: 'fatal' }
  const [parent, child] = inOrder.jobs as [ChaosJob, ChaosJob]
  const ends = (of: typeof inOrder, job: number, code: number) =>
    of.events.map((e) => (e.kind === 'ended' && e.ids[0] === job ? { ...e, codes: [code] } : e))
  const bad = { ...inOrder, jobs: [{ ...parent, task: 'chaos.bad', outcome: failed }, child], events: ends(inOrder, 1, 3) }
  expect(broken(bad)).toEqual(['I15'])
  expect(broken({ ...bad, edges: [{ ...edge, onFailure: 'run' }] })).toEqual([])
  const cancelled = { ...child, outcome: { ...failed, status: 4 } }
  expect(broken({ ...inOrder, jobs: [parent, cancelled], events: ends(inOrder, 2, 4) })).toEqual(['I15'])
})

test('I12: connections, rows and processes that should have gone', () => {
  expect(broken(witnesses({ left: ['a connection is left: trunkline w1, idle'] }))).toEqual(['I12'])
  expect(broken(witnesses({ deaths: ['worker w1 ended with code 70'] }))).toEqual(['I12'])
})

test('I14: the counters are those of the history', () => {
  expect(broken(witnesses({ counters: [{ task: 'chaos.quick', state: 'completed', counted: 2, there: 1 }] }))).toEqual(['I14'])
  expect(broken(witnesses({ countedAdded: 2 }))).toEqual(['I14'])
})
