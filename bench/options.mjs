import { parseArgs } from 'node:util'

/**
 * What a bench was asked for on its command line: whole numbers from 1 by name, and flags. A wrong one ends it with code 2.
 * @param {Record<string, number>} numbers their names and defaults
 * @param {string[]} flags names of those that are false unless they are given
 */
export function readOptions(numbers, flags = []) {
  const declared = Object.entries(numbers).map(([name, n]) => [name, { type: 'string', default: String(n) }])
  const switches = flags.map((name) => [name, { type: 'boolean', default: false }])
  const { values } = parseArgs({ options: Object.fromEntries([...declared, ...switches]) })
  const read = ([name, value]) => {
    if (typeof value === 'boolean') return [name, value]
    const n = Number(value)
    if (Number.isInteger(n) && n >= 1) return [name, n]
    console.error(`error: --${name} is "${value}"; allowed: a whole number from 1`)
    return process.exit(2)
  }
  return Object.fromEntries(Object.entries(values).map(read))
}
