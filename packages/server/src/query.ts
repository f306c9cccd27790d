import { TrunklineError } from '@trunkline/contract'

/** Parameters of one address; more are no query of anybody. */
const mostParameters = 200
const forbidden = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * Reads a query: a parameter that is repeated, or that ends in `[]`, is a list; all else is text.
 * @throws `invalid_request`
 */
export function readQuery(text: string): Record<string, string | string[]> {
  const read: Record<string, string | string[]> = Object.create(null)
  const parameters = [...new URLSearchParams(text)]
  if (parameters.length > mostParameters) {
    throw new TrunklineError('invalid_request', { field: 'query', problem: `has more than ${mostParameters} parameters` })
  }
  for (const [name, value] of parameters) {
    const listed = name.endsWith('[]')
    const key = listed ? name.slice(0, -2) : name
    if (forbidden.has(key))
      throw new TrunklineError('invalid_request', { field: 'query', problem: `has the parameter "${key}", which is not allowed` })
    const before = read[key]
    if (before === undefined) read[key] = listed ? [value] : value
    else read[key] = [...(Array.isArray(before) ? before : [before]), value]
  }
  return read
}
