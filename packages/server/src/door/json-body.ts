import { TrunklineError } from '@trunkline/contract'

/** Objects with these keys poison those who copy them. */
const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype'])
const mostDepth = 64
const mostKeys = 10_000

const refuse = (problem: string) => new TrunklineError('invalid_body', { field: 'body', problem })

/** The end of the string that begins at `from`, in a text that is JSON. */
function endOfString(text: string, from: number): number {
  let at = from + 1
  while (at < text.length && text.charCodeAt(at) !== 0x22) at += text.charCodeAt(at) === 0x5c ? 2 : 1
  return at
}

/** Before anything parses it: half a second of a parser's time can be bought with 1 MiB of brackets. */
function checkDepth(text: string): void {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x22) at = endOfString(text, at)
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > mostDepth) throw refuse(`it is nested deeper than ${mostDepth} levels`)
    } else if (code === 0x7d || code === 0x5d) depth--
  }
}

/**
 * Walks a text that is JSON already and refuses what a parser would pass over in silence: a key given twice, keys that poison
 * copies, more than 10,000 keys.
 */
function inspect(text: string): void {
  // the keys of each open object, made with its first; null = an array
  const open: (Set<string> | null | undefined)[] = []
  let keys = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x7b) open.push(undefined)
    else if (code === 0x5b) open.push(null)
    else if (code === 0x7d || code === 0x5d) open.pop()
    else if (code === 0x22) {
      const end = endOfString(text, at)
      if (open.length > 0 && open.at(-1) !== null && isKey(text, end)) {
        if (++keys > mostKeys) throw refuse(`it has more than ${mostKeys} keys`)
        const here = open.at(-1) ?? new Set()
        open[open.length - 1] = here
        addKey(here, text.slice(at, end + 1))
      }
      at = end
    }
  }
}

/** A key is a string behind which a colon stands. */
function isKey(text: string, end: number): boolean {
  let next = end + 1
  while (text.charCodeAt(next) <= 0x20) next++
  return text.charCodeAt(next) === 0x3a
}

function addKey(known: Set<string>, raw: string): void {
  const key = raw.includes('\\') ? (JSON.parse(raw) as string) : raw.slice(1, -1)
  if (forbiddenKeys.has(key)) throw refuse(`the key "${key}" is not allowed`)
  if (known.has(key)) throw refuse(`the key ${JSON.stringify(key.slice(0, 60))} is given twice in one object`)
  known.add(key)
}

/**
 * Reads a JSON body strictly. An empty one is undefined.
 * @throws `invalid_body`
 */
export function readJsonBody(text: string): unknown {
  if (text.trim() === '') return undefined
  checkDepth(text)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    // the parser's sentence quotes the body, which may hold a secret
    const place = /position (\d+)/.exec((error as Error).message)?.[1]
    throw refuse(`it is not JSON${place ? ` (at character ${place})` : ''}`)
  }
  inspect(text)
  return value
}
