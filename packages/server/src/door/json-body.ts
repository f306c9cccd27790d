import { TrunklineError } from '@trunkline/contract'

/** Objects with these keys poison those who copy them. */
const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype'])
const mostDepth = 64
const mostKeys = 10_000

const refuse = (problem: string) => new TrunklineError('invalid_body', { field: 'body', problem })

/** The end of the string that begins at `from`, in a text that is JSON. */
function endOfString(text: string, from: number): number {
  let at = from + 1
  while (text.charCodeAt(at) !== 0x22) at += text.charCodeAt(at) === 0x5c ? 2 : 1
  return at
}

/**
 * Walks a text that is JSON already and refuses what a parser would pass over in silence: a key given twice, keys that poison
 * copies, more than 64 levels, more than 10,000 keys.
 */
function inspect(text: string): void {
  const open: (Set<string> | null)[] = []
  let keys = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x7b || code === 0x5b) {
      open.push(code === 0x7b ? new Set() : null)
      if (open.length > mostDepth) throw refuse(`it is nested deeper than ${mostDepth} levels`)
    } else if (code === 0x7d || code === 0x5d) {
      open.pop()
    } else if (code === 0x22) {
      const end = endOfString(text, at)
      const here = open.at(-1)
      // a key is a string behind which a colon stands
      let next = end + 1
      while (/\s/.test(text[next] ?? '')) next++
      if (here && text[next] === ':') {
        const raw = text.slice(at, end + 1)
        const key = raw.includes('\\') ? (JSON.parse(raw) as string) : raw.slice(1, -1)
        if (forbiddenKeys.has(key)) throw refuse(`the key "${key}" is not allowed`)
        if (here.has(key)) throw refuse(`the key ${JSON.stringify(key.slice(0, 60))} is given twice in one object`)
        here.add(key)
        if (++keys > mostKeys) throw refuse(`it has more than ${mostKeys} keys`)
      }
      at = end
    }
  }
}

/**
 * Reads a JSON body strictly. An empty one is undefined.
 * @throws `invalid_body`
 */
export function readJsonBody(text: string): unknown {
  if (text.trim() === '') return undefined
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
