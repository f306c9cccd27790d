import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { TrunklineError } from '@trunkline/contract'
import type { FastifyInstance } from 'fastify'
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod'
import { authenticate, isLocal } from './door/access.ts'
import type { Service } from './service.ts'

const about = `Jobs, queues and workers over HTTP. Ids are strings, times RFC 3339 in UTC, durations milliseconds.
Errors are application/problem+json with a stable code. Log in with POST /api/v1/auth/login, or send an API key.`

type Document = { components?: { schemas?: Record<string, unknown> } }

/** Every schema is made for input and output; those that nothing refers to are dropped. */
function withoutUnused(document: Document): Document {
  const schemas = document.components?.schemas ?? {}
  for (;;) {
    const text = JSON.stringify(document)
    const unused = Object.keys(schemas).filter(
      (name) => !text.includes(`"#/components/schemas/${name}"`) && !text.includes(`"#/components/schemas/${name}/`),
    )
    if (unused.length === 0) return document
    for (const name of unused) delete schemas[name]
  }
}

/** The OpenAPI 3.1 document at /api/docs/json and its page at /api/docs: from this machine, or signed in. */
export async function addDocs(app: FastifyInstance, { identity, settings, version }: Service): Promise<void> {
  const url = settings.publicUrl ?? settings.basePath
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Trunkline', description: about, version, license: { name: 'MIT', identifier: 'MIT' } },
      ...(url ? { servers: [{ url }] } : {}),
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', description: 'A token of /auth/login, or an API key' },
          session: { type: 'apiKey', in: 'cookie', name: 'trunkline_session', description: 'Changes need the header X-Trunkline-CSRF too' },
        },
      },
    },
    transform: jsonSchemaTransform,
    transformObject: (document) => withoutUnused(jsonSchemaTransformObject(document) as Document) as never,
  })
  await app.register(swaggerUi, {
    routePrefix: '/api/docs',
    staticCSP: false,
    uiConfig: { deepLinking: true, validatorUrl: null },
    uiHooks: {
      onRequest: async (request) => {
        if (isLocal(request)) return
        if ((await authenticate(identity, request)) === null) {
          throw new TrunklineError('unauthenticated', { problem: 'the documentation needs somebody who is logged in' })
        }
      },
    },
  })
}
