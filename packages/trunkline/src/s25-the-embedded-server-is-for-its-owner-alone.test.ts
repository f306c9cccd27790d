import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, expect, test } from 'vitest'
import { startEmbedded } from './embedded.ts'

const folder = mkdtempSync(join(tmpdir(), 'embedded '))
// below a closed folder the cluster would live elsewhere
chmodSync(folder, 0o755)
const dataDir = join(folder, 'data')
const server = await startEmbedded({ dataDir })
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

function opens(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: server.port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

test('it listens on loopback only, on no fixed port, and on no socket file', async () => {
  expect(await opens('127.0.0.1')).toBe(true)
  const others = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).filter((one) => !one.internal).map((one) => one.address))
  for (const address of others) expect(await opens(address), address).toBe(false)
  expect(server.port).not.toBe(5432)
  const hex = server.port.toString(16).toUpperCase().padStart(4, '0')
  const listening = ['/proc/net/tcp', '/proc/net/tcp6']
    .flatMap((file) => readFileSync(file, 'utf8').split('\n'))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => state === '0A' && local?.endsWith(`:${hex}`))
  expect(listening.map(([, local]) => local)).toEqual([`0100007F:${hex}`])
})

test('nobody comes in without its random password, of 32 bytes, in a file for its owner', async () => {
  const secret = new URL(server.connectionString()).password
  expect(secret.length).toBeGreaterThanOrEqual(43)
  for (const password of ['', 'password', 'postgres', 'trunkline', secret.slice(0, -1), `${secret}x`]) {
    const client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'trunkline', database: 'trunkline', password })
    await expect(client.connect(), password).rejects.toThrow(/password|SASL/)
  }
  const rules = readFileSync(join(dataDir, 'postgres', 'pg_hba.conf'), 'utf8')
    .split('\n')
    .filter((line) => line.trim() && !line.startsWith('#'))
  expect(rules.length).toBeGreaterThan(0)
  for (const rule of rules) expect(rule).toMatch(/scram-sha-256$/)
})

test('another user of the machine reads neither the data nor the password', () => {
  expect(statSync(join(dataDir, 'postgres')).mode & 0o077).toBe(0)
  expect(statSync(join(dataDir, 'postgres.password')).mode & 0o077).toBe(0)
  if (process.getuid?.() !== 0) return
  for (const file of ['postgres.password', 'postgres/PG_VERSION']) {
    const read = () => execFileSync('cat', [join(dataDir, file)], { stdio: 'pipe', uid: 65_534, gid: 65_534 })
    expect(read, file).toThrow(/Permission denied/)
  }
  expect(readFileSync(`/proc/${server.pid}/status`, 'utf8')).not.toMatch(/^Uid:\s+0\s/m)
})
