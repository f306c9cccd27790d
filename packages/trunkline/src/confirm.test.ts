import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { checkAsker, confirmed } from './confirm.ts'

function terminal(typed: string | null, isTTY = true) {
  const input = Object.assign(new PassThrough(), { isTTY })
  const output = Object.assign(new PassThrough(), { isTTY })
  if (typed === null) input.end()
  else input.write(typed)
  return { input, output }
}

test.each([
  ['y\n', true],
  ['YES\n', true],
  [' y \n', true],
  ['n\n', false],
  ['\n', false],
  ['yesterday\n', false],
  [null, false],
])('to a question %j means %s', async (typed, meant) => {
  const there = terminal(typed)
  expect(await confirmed('cancel 3 jobs (3 failed)?', there)).toBe(meant)
  expect(String(there.output.read())).toContain('cancel 3 jobs (3 failed)? [y/N]')
})

test('where nobody can be asked the sentence says how to go on', () => {
  expect(() => checkAsker('jobs cancel', terminal('y\n', false))).toThrow(
    expect.objectContaining({
      code: 'usage',
      message: expect.stringMatching(/--dry-run.*--yes/),
      hint: expect.stringContaining('jobs cancel'),
    }),
  )
  checkAsker('jobs cancel', terminal('y\n'))
})
