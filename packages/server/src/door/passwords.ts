import { randomBytes } from 'node:crypto'
import { hash, verify } from '@node-rs/argon2'
import { TrunklineError } from '@trunkline/contract'

// OWASP's second choice for argon2id: 19 MiB, two passes (about 30 ms)
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** What nobody may have. */
const guessable = /^(.)\1+$|password|passwort|trunkline|changeme|12345678|qwertz|qwerty|letmein|administrator/i

/** @throws `weak_password` */
export function checkPassword(password: string, email = ''): string {
  const refuse = (problem: string) => new TrunklineError('weak_password', { field: 'password', problem })
  if (password.length < 12) throw refuse(`has ${password.length} characters; at least 12 are needed`)
  if (password.length > 1024) throw refuse('has more than 1,024 characters')
  const [local = ''] = email.split('@')
  if (guessable.test(password) || (local.length > 3 && password.toLowerCase().includes(local))) throw refuse('is easy to guess')
  return password
}

/** 20 characters of 5 bits each: 100 bits, without those that are read wrongly. */
export function randomPassword(): string {
  const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789z'
  const text = [...randomBytes(20)].map((byte) => alphabet[byte & 31]).join('')
  return text.match(/.{5}/g)?.join('-') ?? text
}

/** An argon2id hash. */
export async function hashPassword(password: string): Promise<string> {
  return await hash(password, cost)
}

let nobodys: Promise<string> | undefined

/** Is it the password of this hash? Without a hash it takes as long, and is not. */
export async function isPassword(password: string, stored: string | null): Promise<boolean> {
  nobodys ??= hashPassword(randomBytes(16).toString('hex'))
  const right = await verify(stored ?? (await nobodys), password).catch(() => false)
  return stored !== null && right
}
