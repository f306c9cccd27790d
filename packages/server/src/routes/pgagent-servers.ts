import { isAtLeast, TrunklineError } from '@trunkline/contract'
import {
  done,
  newPgAgentServer,
  pgAgentExamination,
  pgAgentInstall,
  pgAgentInstalled,
  pgAgentServer,
  pgAgentServerChange,
  pgAgentServerList,
  serverPath,
} from '@trunkline/contract/http'
import { examine, installSchema, watch } from '@trunkline/pgagent'
import { covers, type Principal } from '../door/principal.ts'
import { defaultSid, type PgAgentServer, serverAnswer } from '../pgagent/servers.ts'
import { apiPrefix } from '../prefix.ts'
import { type Call, type Route, route } from '../route.ts'
import type { Service } from '../service.ts'

const tag = 'pgagent'
const forAdministrators = { role: 'admin', object: 'server' } as const

/** PostgreSQL servers with a schema `pgagent`: which there are, and whether all is there that is needed. */
export function pgAgentServerRoutes({ trunkline, pgagent, settings }: Service): Route[] {
  const answerFor = (principal: Principal) => (server: PgAgentServer) => serverAnswer(server, isAtLeast(principal.role, 'admin'))

  /** That of the settings is changed there. */
  async function registered(call: Call): Promise<PgAgentServer> {
    const server = await pgagent.find(call.principal, call.params.sid)
    if (server.sid !== defaultSid) return server
    throw new TrunklineError('invalid_request', { field: 'sid', problem: 'default is the server of the settings; it is changed there' })
  }

  return [
    route({
      method: 'GET',
      url: '/pgagent/servers',
      summary: 'PostgreSQL servers with a schema pgagent',
      tag,
      access: { role: 'viewer', object: 'servers' },
      answers: { 200: pgAgentServerList },
      async run({ principal }) {
        const { cursor: asOf } = await trunkline.changes()
        const data = (await pgagent.list(principal)).map(answerFor(principal))
        return { data, nextCursor: null, asOf, total: data.length, totalIsEstimate: false }
      },
    }),
    route({
      method: 'POST',
      url: '/pgagent/servers',
      summary: 'Register a server; its connection is kept sealed',
      tag,
      access: forAdministrators,
      action: 'pgagent_server.create',
      once: true,
      body: newPgAgentServer,
      answers: { 201: pgAgentServer },
      async run(call) {
        const { principal, body } = call
        if (!covers(principal.scopes.servers, body.sid)) throw new TrunklineError('server_not_found', { field: 'sid', received: body.sid })
        return await call.change(`pgagent_server:${body.sid}`, async ({ tx }, note) => {
          const answer = answerFor(principal)(await pgagent.add(body, principal.subject, tx))
          note.after = answer
          call.reply.status(201).header('location', `${settings.basePath}${apiPrefix}/pgagent/servers/${body.sid}`)
          return answer
        })
      },
    }),
    route({
      method: 'GET',
      url: '/pgagent/servers/:sid',
      summary: 'A server',
      tag,
      access: { role: 'viewer', object: 'server' },
      params: serverPath,
      answers: { 200: pgAgentServer },
      run: async ({ principal, params }) => answerFor(principal)(await pgagent.find(principal, params.sid)),
    }),
    route({
      method: 'PATCH',
      url: '/pgagent/servers/:sid',
      summary: 'Change a server; whoever changes where it leads sends its password along',
      tag,
      access: forAdministrators,
      action: 'pgagent_server.update',
      params: serverPath,
      body: pgAgentServerChange,
      answers: { 200: pgAgentServer },
      async run(call) {
        const server = await registered(call)
        return await call.change(`pgagent_server:${server.sid}`, async ({ tx }, note) => {
          const answer = answerFor(call.principal)(await pgagent.change(server, call.body, tx))
          note.before = answerFor(call.principal)(server)
          note.after = { ...answer, ...(call.body.connection?.password === undefined ? {} : { password: 'changed' }) }
          return answer
        })
      },
    }),
    route({
      method: 'DELETE',
      url: '/pgagent/servers/:sid',
      summary: 'Forget a server; its database is left as it is',
      tag,
      access: forAdministrators,
      action: 'pgagent_server.delete',
      params: serverPath,
      answers: { 200: done },
      async run(call) {
        const server = await registered(call)
        return await call.change(`pgagent_server:${server.sid}`, async ({ tx }, note) => {
          note.before = answerFor(call.principal)(server)
          await pgagent.remove(server, tx)
          return { ok: true as const }
        })
      },
    }),
    route({
      method: 'POST',
      url: '/pgagent/servers/:sid/test',
      summary: 'What is missing there, each with the SQL that mends it',
      tag,
      access: forAdministrators,
      action: 'pgagent_server.test',
      params: serverPath,
      answers: { 200: pgAgentExamination },
      async run(call) {
        const server = await pgagent.find(call.principal, call.params.sid)
        const found = await examine(pgagent.open(server))
        await call.changed(`pgagent_server:${server.sid}`, { after: { ok: found.ok } })
        return found
      },
    }),
    route({
      method: 'POST',
      url: '/pgagent/servers/:sid/install',
      summary: 'Make the schema pgagent where it is missing, ours beside it, and the triggers that tell of changes',
      tag,
      access: forAdministrators,
      action: 'pgagent_server.install',
      params: serverPath,
      body: pgAgentInstall,
      answers: { 200: pgAgentInstalled },
      async run(call) {
        const server = await pgagent.find(call.principal, call.params.sid)
        const { watch: watched } = call.body
        const answer = await pgagent.at(server, async (database) => {
          const { created } = await installSchema(database)
          if (watched) await watch(database)
          return { created, watched }
        })
        await call.changed(`pgagent_server:${server.sid}`, { after: answer })
        return answer
      },
    }),
  ]
}
