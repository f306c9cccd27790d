import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { TrunklineError } from '@trunkline/contract'

/** Seals private keys and cookies of a login under way. It is never in the database, so a dump lets nobody in. */
export interface Secret {
  seal(text: string): Buffer
  /** Null when it was sealed with another secret, or changed. */
  open(sealed: Buffer): string | null
}

/** A secret from 32 or more characters or bytes. */
export function secretFrom(material: string | Buffer): Secret {
  const key = Buffer.from(hkdfSync('sha256', material, 'trunkline', 'seal', 32))
  return {
    seal(text) {
      const iv = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key, iv)
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([iv, cipher.getAuthTag(), sealed])
    },
    open(sealed) {
      if (sealed.length < 28) return null
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12), { authTagLength: 16 })
      decipher.setAuthTag(sealed.subarray(12, 28))
      try {
        return Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]).toString('utf8')
      } catch {
        return null
      }
    },
  }
}

/** The random secret of a data directory, in a file that only its owner may read; made with the first call. */
export function secretOfFile(file: string): Secret {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    writeFileSync(file, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw new TrunklineError('storage_failed', { where: dirname(file), problem: (error as Error).message }, { cause: error })
    }
  }
  const text = readFileSync(file, 'utf8').trim()
  if (text.length < 32) {
    throw new TrunklineError('invalid_setting', {
      field: 'secret',
      where: file,
      received: `a file of ${text.length} characters`,
      allowed: 'at least 32 random characters; delete the file and everybody logs in again',
    })
  }
  return secretFrom(text)
}

/** The secret of an installation: what its settings say, else that of its data directory. */
export function secretOf(setting: string | undefined, dataDir: string): Secret {
  return setting ? secretFrom(setting) : secretOfFile(join(dataDir, 'keys', 'secret'))
}

/** SHA-256, for tokens that are random themselves. */
export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/** Compared in constant time. */
export function sameText(a: string, b: string): boolean {
  return timingSafeEqual(hashToken(a), hashToken(b))
}
