import { limits, show, TrunklineError } from '@trunkline/contract'

const plainName = /^[A-Za-z_$][\w$]*$/

function join(path: string, key: string | number): string {
  if (typeof key === 'number') return `${path}[${key}]`
  return plainName.test(key) ? `${path}.${key}` : `${path}[${show(key)}]`
}

function checkText(text: string, path: string): void {
  if (text.includes('\0')) throw new TrunklineError('payload_bad_text', { field: path, received: 'a NUL character (\\u0000)' })
  if (!text.isWellFormed()) throw new TrunklineError('payload_bad_text', { field: path, received: 'half of a surrogate pair' })
}

function checkLeaf(value: unknown, path: string): void {
  switch (typeof value) {
    case 'string':
      return checkText(value, path)
    case 'number':
      if (!Number.isFinite(value)) throw new TrunklineError('payload_not_json', { field: path, problem: `${value} is not a JSON number` })
      if (Math.abs(value) > Number.MAX_SAFE_INTEGER)
        throw new TrunklineError('payload_number_unsafe', { field: path, received: String(value) })
      return
    case 'bigint':
    case 'function':
    case 'symbol':
      throw new TrunklineError('payload_not_json', { field: path, problem: `a ${typeof value} is not JSON` })
  }
}

/** Walks without recursion, so that no depth can overflow the stack. */
function check(root: unknown, field: string): void {
  const todo: { value: unknown; path: string; depth: number }[] = [{ value: root, path: field, depth: 0 }]
  for (let next = todo.pop(); next; next = todo.pop()) {
    let { value } = next
    const { path, depth } = next
    if (value !== null && typeof value === 'object' && typeof (value as { toJSON?: unknown }).toJSON === 'function') {
      value = (value as { toJSON(): unknown }).toJSON()
    }
    if (value === null || typeof value !== 'object') {
      checkLeaf(value, path)
      continue
    }
    if (depth >= limits.depth) throw new TrunklineError('payload_too_deep', { field, allowed: limits.depth })
    if (Array.isArray(value)) {
      for (let i = value.length - 1; i >= 0; i--) {
        const item = value[i]
        // the common leaves need no path and no place on the list
        if (item === null || item === undefined || typeof item === 'boolean') continue
        if (typeof item === 'number' && Number.isFinite(item) && Math.abs(item) <= Number.MAX_SAFE_INTEGER) continue
        todo.push({ value: item, path: join(path, i), depth: depth + 1 })
      }
      continue
    }
    if (value instanceof Map || value instanceof Set) {
      throw new TrunklineError('payload_not_json', {
        field: path,
        problem: `a ${value instanceof Map ? 'Map' : 'Set'} would be stored as {}`,
      })
    }
    for (const key of Object.keys(value)) {
      const item = (value as Record<string, unknown>)[key]
      if (typeof key === 'string' && (key.includes('\0') || !key.isWellFormed())) checkText(key, `${path} (a key)`)
      if (item !== undefined) todo.push({ value: item, path: join(path, key), depth: depth + 1 })
    }
  }
}

/**
 * The JSON text of a payload or result, fit for jsonb: at most 64 levels and `maxBytes`, no NUL, no lone surrogate, no number
 * that loses digits. `undefined` is null.
 * @param field the name of the value in errors
 * @throws `payload_not_json`, `payload_too_large`, `payload_too_deep`, `payload_bad_text`, `payload_number_unsafe`
 */
export function jsonText(value: unknown, field: string, maxBytes: number = limits.payloadBytes): string {
  let text: string | undefined
  try {
    check(value ?? null, field)
    text = JSON.stringify(value ?? null)
  } catch (error) {
    if (error instanceof TrunklineError) throw error
    throw new TrunklineError(
      'payload_not_json',
      { field, problem: error instanceof Error ? error.message : String(error) },
      { cause: error },
    )
  }
  const bytes = text.length > maxBytes ? text.length : Buffer.byteLength(text)
  if (bytes > maxBytes) throw new TrunklineError('payload_too_large', { field, received: bytes, allowed: maxBytes })
  return text
}
