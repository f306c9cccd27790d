import { readFileSync } from 'node:fs'
import { TrunklineError } from '@trunkline/contract'

function source(text: string): string {
  if (text === '-') return readFileSync(0, 'utf8')
  if (!text.startsWith('@')) return text
  try {
    return readFileSync(text.slice(1), 'utf8')
  } catch (error) {
    throw new TrunklineError('invalid_option', {
      field: 'payload',
      received: JSON.stringify(text),
      allowed: `JSON, - for the standard input, or @file; ${(error as Error).message.replace(/^\w+: |, .*$/g, '')}`,
    })
  }
}

/** Parses a payload; `-` reads it from the standard input, `@file` from a file. @throws `payload_not_json`, `invalid_option` */
export function parsePayload(text: string): unknown {
  try {
    return JSON.parse(source(text))
  } catch (error) {
    if (error instanceof TrunklineError) throw error
    throw new TrunklineError('payload_not_json', { field: 'payload', problem: (error as Error).message })
  }
}
