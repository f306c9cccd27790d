import type { LogLineAnswer } from '@trunkline/client/contract'
import { beforeEach, describe, expect, test } from 'vitest'
import { empty, type LogReader, type LogWindow, logReader, mostKept, pageSize, type ReadLines } from './log-reader.ts'

/** The log as it is stored, and answers that come when the test says so: what they tell is of the moment of the question. */
let stored: LogLineAnswer[]
let answers: (() => void)[]
let isAway: boolean
let log: LogWindow
let reader: LogReader

const read: ReadLines = ({ after, before }) => {
  const found = isAway
    ? null
    : after === undefined
      ? stored.filter(({ no }) => BigInt(no) < BigInt(before as string)).slice(-pageSize)
      : stored.filter(({ no }) => BigInt(no) > BigInt(after)).slice(0, pageSize)
  return new Promise((resolve, reject) => answers.push(() => (found ? resolve(found) : reject(new Error('away')))))
}

/** Stores lines. @returns them, as they are told */
function store(count: number): LogLineAnswer[] {
  const lines = Array.from({ length: count }, (_, i) => ({ no: String(stored.length + 1 + i), message: 'x' }) as LogLineAnswer)
  stored.push(...lines)
  return lines
}

/** Lets what was asked be answered, and what is asked because of that. */
async function answer(): Promise<void> {
  while (answers.length > 0) {
    for (const one of answers.splice(0)) one()
    await new Promise(setImmediate)
  }
}

const numbers = () => log.lines.map(({ no }) => Number(no))
const from = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i)

beforeEach(() => {
  stored = []
  answers = []
  isAway = false
  log = empty
  reader = logReader(read, String, (next) => {
    log = next
  })
})

describe('no line is left out, none stands twice, where lines', () => {
  test('are told while the last ones are being read', async () => {
    store(3)
    const begun = reader.begin(undefined)
    reader.add(store(2))
    await answer()
    await begun
    expect(numbers()).toEqual([1, 2, 3, 4, 5])
    expect(log).toMatchObject({ hasStart: true, hasEnd: true, isLoading: false })
  })

  test('are in what was read already', async () => {
    const told = store(3)
    void reader.begin(undefined)
    reader.add(told)
    await answer()
    reader.add(told)
    expect(numbers()).toEqual([1, 2, 3])
  })

  test('were stored after they were read, and before anybody told of lines', async () => {
    store(3)
    void reader.begin(undefined)
    store(2)
    reader.catchUp()
    reader.add(store(1))
    await answer()
    expect(numbers()).toEqual(from(1, 6))
    store(1)
    reader.catchUp()
    reader.add(store(1))
    expect(numbers()).toEqual(from(1, 6))
    await answer()
    expect(numbers()).toEqual(from(1, 8))
  })

  test('are the first of a log that was empty', async () => {
    void reader.begin(undefined)
    await answer()
    store(2)
    reader.catchUp()
    await answer()
    expect(numbers()).toEqual([1, 2])
  })

  test('are told while one reads on, downwards or upwards', async () => {
    store(pageSize * 3)
    void reader.begin('600')
    await answer()
    expect(log).toMatchObject({ hasStart: false, hasEnd: false })
    reader.add(store(1))
    expect(numbers()).toEqual(from(100, 1099))
    void reader.grow('end')
    reader.add(store(1))
    await answer()
    expect([numbers(), log.hasEnd]).toEqual([from(100, 1502), true])
    void reader.grow('start')
    reader.add(store(1))
    await answer()
    expect([numbers(), log.hasStart]).toEqual([from(1, 1503), true])
  })

  test('came while the server was away', async () => {
    isAway = true
    store(1)
    void reader.begin(undefined)
    await answer()
    expect(log).toMatchObject({ lines: [], isLoading: false, error: 'Error: away' })
    isAway = false
    reader.catchUp()
    await answer()
    expect([numbers(), log.error]).toEqual([[1], null])
    isAway = true
    store(2)
    reader.catchUp()
    await answer()
    expect([numbers(), log.error]).toEqual([[1], null])
    isAway = false
    reader.catchUp()
    await answer()
    expect([numbers(), log.hasEnd]).toEqual([[1, 2, 3], true])
  })
})

test('what lies far away is forgotten, and read again where somebody goes there', async () => {
  store(pageSize)
  void reader.begin(undefined)
  await answer()
  reader.add(store(mostKept))
  expect([log.lines.length, log.hasStart, log.hasEnd]).toEqual([mostKept, false, true])
  void reader.grow('start')
  await answer()
  expect([numbers(), log.hasStart, log.hasEnd]).toEqual([from(1, mostKept), false, false])
})

test('nothing is read twice at once, and who has left hears no more', async () => {
  store(pageSize * 2)
  void reader.begin(undefined)
  await answer()
  const [one, two] = [reader.grow('start'), reader.grow('start')]
  await answer()
  expect([await one, await two]).toEqual([pageSize, 0])
  const last = log
  void reader.begin(undefined)
  reader.end()
  await answer()
  expect(log).not.toBe(last)
  expect(log.isLoading).toBe(true)
})
