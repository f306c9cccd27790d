import { expect, test } from 'vitest'
import { type ChaosEvent, type ChaosJob, check, type Witnesses } from './checker.ts'
import { parseEffects } from './effects.ts'
import { parseHistory } from './history.ts'

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

test('I12: connections, rows and processes that should have gone', () => {
  expect(broken(witnesses({ left: ['a connection is left: trunkline w1, idle'] }))).toEqual(['I12'])
  expect(broken(witnesses({ deaths: ['worker w1 ended with code 70'] }))).toEqual(['I12'])
})

test('I14: the counters are those of the history', () => {
  expect(broken(witnesses({ counters: [{ task: 'chaos.quick', state: 'completed', counted: 2, there: 1 }] }))).toEqual(['I14'])
  expect(broken(witnesses({ countedAdded: 2 }))).toEqual(['I14'])
})
