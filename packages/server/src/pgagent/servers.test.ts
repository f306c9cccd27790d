import { randomBytes } from 'node:crypto'
import { afterAll, describe, expect, test } from 'vitest'
import { onServer, testDatabase, urlOf } from '../../../../test/support/database.ts'
import { serverScene } from '../../../../test/support/server-scene.ts'

const role = `pgapi_${randomBytes(4).toString('hex')}`
// before the databases, so that it runs after they are gone
afterAll(() => onServer(`drop role if exists ${role}`))
const scene = await serverScene()
const other = await testDatabase({ empty: true })
const admin = await scene.user('admin')
const viewer = await scene.user('viewer')
await onServer(`create role ${role} login password 'sekret-word'`)
const { hostname, port } = new URL(urlOf(other.name))
const connection = { host: hostname, port: Number(port), database: other.name, user: role, password: 'sekret-word' }
const parts = (body: any) => Object.fromEntries(body.parts.map((p: any) => [p.part, p.ok]))
const sqlOf = (body: any) => body.parts.flatMap((p: any) => p.sql ?? [])

describe('registered servers', () => {
  test('are kept sealed, and shown without their secret', async () => {
    expect((await admin('POST', '/pgagent/servers', { sid: 'shop', name: 'Shop', connection })).status).toBe(201)
    const list = await admin('GET', '/pgagent/servers')
    expect(list.body.data).toMatchObject([
      { sid: 'default', isDefault: true },
      { sid: 'shop', connection: { user: role, tls: 'disable' } },
    ])
    expect((await viewer('GET', '/pgagent/servers/shop')).body.connection).toBeNull()
    const [row] = await scene.db.rows(`select row_to_json(s)::text as text from trunkline.pgagent_server s where sid = 'shop'`)
    const audit = await scene.db.rows(`select before, after from trunkline.audit where action like 'pgagent_server.%'`)
    for (const text of [list.text, row.text, JSON.stringify(audit)]) expect(text).not.toContain('sekret-word')
    expect(row.text).not.toContain(role)
    expect((await admin('POST', '/pgagent/servers', { sid: 'shop', name: 'Again', connection })).body.code).toBe('name_taken')
  })

  test('a change of the way needs the password again; a stale change is refused', async () => {
    const moved = await admin('PATCH', '/pgagent/servers/shop', { connection: { host: 'elsewhere.example' } })
    expect(moved).toMatchObject({ status: 400, body: { errors: [{ field: 'connection.password' }] } })
    expect(await admin('PATCH', '/pgagent/servers/shop', { name: 'The shop' })).toMatchObject({ status: 200, body: { version: 2 } })
    expect((await admin('PATCH', '/pgagent/servers/shop', { name: 'x', version: 1 })).body.code).toBe('server_changed')
    expect((await admin('PATCH', '/pgagent/servers/default', { name: 'x' })).status).toBe(400)
  })

  test('a test says exactly what is missing; its SQL mends it, part by part', async () => {
    const look = async () => (await admin('POST', '/pgagent/servers/shop/test')).body
    const mend = async (body: any) => {
      for (const sql of sqlOf(body)) await other.rows(sql)
    }
    const bare = await look()
    expect(parts(bare)).toEqual({ connectivity: true, schema: false })
    await mend(bare)
    const made = await look()
    expect(parts(made)).toEqual({
      ...{ connectivity: true, schema: true, tables: true, grants: false, function: true, trigger: true, beside: false, watch: false },
    })
    await mend(made)
    expect(await look()).toMatchObject({ ok: true, role, parts: Array(8).fill({ ok: true, sql: null }) })

    await other.rows('drop table pgagent.pga_exception cascade')
    await other.rows('drop trigger pga_job_trigger on pgagent.pga_job')
    await other.rows('drop function pgagent.pga_next_schedule(int, timestamptz, timestamptz, bool[], bool[], bool[], bool[], bool[])')
    await other.rows(`revoke insert on pgagent.pga_joblog from ${role}`)
    await other.rows('drop table trunkline_pgagent.cancel')
    await other.rows('select trunkline_pgagent.unwatch()')
    const broken = await look()
    expect(broken).toMatchObject({ ok: false })
    expect(broken.parts.map((p: any) => [p.part, p.found])).toEqual([
      ['connectivity', `${role} reaches database ${other.name}`],
      ['schema', 'the schema pgagent is there'],
      ['tables', 'missing: pga_exception'],
      ['grants', `missing: grant select, insert, update, delete on pgagent.pga_joblog to ${role}`],
      ['function', 'missing: pga_next_schedule'],
      ['trigger', 'missing: pga_exception_trigger, pga_job_trigger'],
      ['beside', 'missing: cancel'],
      ['watch', 'missing: trunkline_due, trunkline_run, trunkline_step'],
    ])
    await mend(broken)
    await mend(await look())
    expect(await look()).toMatchObject({ ok: true })
  })

  test('what cannot be reached says why to administrators, and only that to others', async () => {
    const away = { ...connection, port: 1 }
    await admin('POST', '/pgagent/servers', { sid: 'away', name: 'Away', connection: away })
    expect((await admin('POST', '/pgagent/servers/away/test')).body).toMatchObject({
      ok: false,
      parts: [{ part: 'connectivity', ok: false, found: expect.stringContaining('ECONNREFUSED') }],
    })
    expect(await admin('POST', '/pgagent/servers/away/install', {})).toMatchObject({ status: 503, body: { code: 'pgagent_unavailable' } })
    await admin('POST', '/pgagent/servers', { sid: 'wrong', name: 'Wrong', connection: { ...connection, user: 'nobody_here' } })
    expect((await admin('POST', '/pgagent/servers/wrong/test')).body.parts[0].ok).toBe(false)
    expect((await admin('DELETE', '/pgagent/servers/away')).status).toBe(200)
    expect((await admin('GET', '/pgagent/servers/away')).body.code).toBe('server_not_found')
  })
})
