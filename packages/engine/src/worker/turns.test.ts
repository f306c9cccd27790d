import { expect, test } from 'vitest'
import { createTurns } from './turns.ts'

/** Jobs taken of each queue in so many turns, where all have always enough and a turn takes up to `most`. */
function shares(weights: readonly number[], turns: number, most: (turn: number) => number): number[] {
  const of = createTurns(weights)
  const taken = weights.map(() => 0)
  for (let turn = 0; turn < turns; turn++) {
    const place = of.order()[0] as number
    const jobs = most(turn)
    taken[place] = (taken[place] as number) + jobs
    of.took(place, jobs)
  }
  return taken
}

test.each([[[1, 1, 1]], [[1, 2, 7]], [[0.5, 10]]])('queues of the weights %j share the jobs by them, whatever a turn brings', (weights) => {
  const sum = weights.reduce((a, b) => a + b)
  for (const most of [() => 1, () => 50, (turn: number) => 1 + (turn % 13)]) {
    const taken = shares(weights, 10_000, most)
    const all = taken.reduce((a, b) => a + b)
    for (const [i, n] of taken.entries()) expect(n / all).toBeCloseTo((weights[i] as number) / sum, 1.7)
  }
})

test('a queue that had nothing to do saves up no turns', () => {
  const turns = createTurns([1, 1])
  for (let i = 0; i < 100; i++) turns.took(0, 10)
  const order: number[] = []
  for (let i = 0; i < 6; i++) {
    const place = turns.order()[0] as number
    order.push(place)
    turns.took(place, 10)
  }
  expect(order.filter((place) => place === 1).length).toBeLessThanOrEqual(4)
})

test('equals take turns', () => {
  const turns = createTurns([1, 1, 1])
  const order: number[] = []
  for (let i = 0; i < 6; i++) {
    const place = turns.order()[0] as number
    order.push(place)
    turns.took(place, 1)
  }
  expect(order).toEqual([0, 1, 2, 0, 1, 2])
})
