import { TrunklineError } from '@trunkline/contract'

/** Parameters of one address; more are no query of anybody. */
const mostParameters = 200
const forbidden = new Set(['__proto__', 'constructor', 'prototype'])

/** What is wrong with a query, kept in it until somebody can answer: a parser that throws would end the process. */
const trouble = Symbol('trouble')

interface Read extends Record<string, string | string[]> {
  [trouble]?: string
}

/** Reads a query: a parameter that is repeated, or that ends in `[]`, is a list; all else is text. It never throws. */
export function readQuery(text: string): Record<string, string | string[]> {
  const read: Read = Object.create(null)
  const parameters = [...new URLSearchParams(text)]
  if (parameters.length > mostParameters) read[trouble] = `has more than ${mostParameters} parameters`
  for (const [name, value] of parameters.slice(0, mostParameters)) {
    const listed = name.endsWith('[]')
    const key = listed ? name.slice(0, -2) : name
    const before = read[key]
    if (forbidden.has(key)) read[trouble] = `has the parameter "${key}", which is not allowed`
    else if (before === undefined) read[key] = listed ? [value] : value
    else read[key] = [...(Array.isArray(before) ? before : [before]), value]
  }
  return read
}

/** @throws `invalid_request` where {@link readQuery} has found something that is not allowed */
export function checkQuery(query: unknown): void {
  const problem = (query as Read | undefined)?.[trouble]
  if (problem !== undefined) throw new TrunklineError('invalid_request', { field: 'query', problem })
}
